#include "session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "clock.h"
#include "enlargement.h"
#include "error.h"
#include "host_eye.h"
#include "obedience.h"

namespace ioebss::core {
namespace {

// The engine's own eye where it has one; mirrored input is made on the host.
std::unique_ptr<Eye> eye_on(Photo photo, const Model &model, Cancellation &cancellation) {
    const Backend &backend = *model.choice.backend;
    const Habits &habits = model.habits;
    std::unique_ptr<Eye> eye;
    if (!habits.flip) {
        eye = backend.eye(photo, model.manifest(), habits.longest);
    }
    if (eye == nullptr) {
        eye = std::make_unique<HostEye>(std::move(photo), model.manifest(), backend, habits.longest,
                                        habits.flip, cancellation);
    }
    return eye;
}

// The predictor, and how long it took to prepare the photo.
Predictor prepared(const ioebss_image *photo, const Model &model, Cancellation &cancellation,
                   double &milliseconds) {
    const Clock clock;
    Predictor predictor(eye_on(photo_of(photo), model, cancellation), model.habits.zoom);
    milliseconds = clock.milliseconds();
    return predictor;
}

}  // namespace

Session::Session(std::shared_ptr<const Model> model, const ioebss_image *photo)
    : model_(std::move(model)),
      predictor_(prepared(photo, *model_, cancellation_, timing_.prepare)) {}

const Click &Session::click_at(std::size_t index) const {
    if (index >= steps_.size()) {
        throw usage_error("there is no click number " + std::to_string(index) + "; there are " +
                          std::to_string(steps_.size()));
    }
    return steps_[index].click;
}

void Session::click(double x, double y, std::int32_t label, const Rows<std::uint8_t> &rows) {
    const Click click = make_click(x, y, label, width(), height());
    if (label != kForeground && steps_.empty() && !start_) {
        throw click_error("the first click must be foreground (label 1): click on the object");
    }
    if (steps_.size() >= kMaxClicks) {
        throw click_error(std::to_string(kMaxClicks) +
                          " clicks are set already; reset, or start from the mask");
    }
    const Clock clock;
    Last last;
    if (!steps_.empty()) {
        last.prediction = &steps_.back().prediction;
    } else if (start_) {
        last.start = &*start_;
    }
    Clicks all = clicks(steps_.size());
    all.push_back(click);
    Step step{click, predicted(all, last, start_.has_value())};
    ioebss_timing timing = timing_;
    timing.network = step.prediction.network;
    timing.input = clock.milliseconds() - timing.network;
    const Rows<std::uint8_t> target = begin_step(rows);
    timing.mask = write_mask(&step.prediction, all, target);
    steps_.push_back(std::move(step));
    undone_.clear();
    end_step(target);
    timing_ = timing;
}

void Session::undo(const Rows<std::uint8_t> &rows) {
    if (steps_.empty()) {
        throw usage_error("there is no click to undo");
    }
    const std::size_t left = steps_.size() - 1;
    const Prediction *before = left > 0 ? &steps_[left - 1].prediction : nullptr;
    const Rows<std::uint8_t> target = begin_step(rows);
    timing_.mask = write_mask(before, clicks(left), target);
    undone_.push_back(std::move(steps_.back()));
    steps_.pop_back();
    end_step(target);
}

void Session::redo(const Rows<std::uint8_t> &rows) {
    if (undone_.empty()) {
        throw usage_error("there is no undone click to redo");
    }
    Clicks all = clicks(steps_.size());
    all.push_back(undone_.back().click);
    const Rows<std::uint8_t> target = begin_step(rows);
    timing_.mask = write_mask(&undone_.back().prediction, all, target);
    steps_.push_back(std::move(undone_.back()));
    undone_.pop_back();
    end_step(target);
}

void Session::reset(const ioebss_mask_view *start) {
    std::optional<Mask> mask;
    if (start != nullptr) {
        mask = checked_start(*start);
    }
    steps_.clear();
    undone_.clear();
    start_ = std::move(mask);
    own_mask_is_current_ = false;
}

void Session::mask(const Rows<std::uint8_t> &rows) {
    const Prediction *last = steps_.empty() ? nullptr : &steps_.back().prediction;
    timing_.mask = write_mask(last, clicks(steps_.size()), rows);
}

const std::uint8_t *Session::view_mask() {
    if (own_mask_.size() == 0) {
        own_mask_ = Mask(height(), width(), 1);
    }
    if (!own_mask_is_current_) {
        mask({own_mask_.data(), width()});
        own_mask_is_current_ = true;
    }
    return own_mask_.data();
}

void Session::probability(const Rows<float> &rows) const {
    if (!steps_.empty()) {
        const Prediction &last = steps_.back().prediction;
        logits_to_probability(*last.logits, last.window, height(), width(), rows);
        obey_exactly(rows, clicks(steps_.size()));
        return;
    }
    for (std::int64_t y = 0; y < height(); ++y) {
        if (start_) {
            std::copy_n(start_->row(y), width(), rows.row(y));
        } else {
            std::fill_n(rows.row(y), width(), 0.0F);
        }
    }
}

void Session::predict(const ioebss_click *clicks, std::size_t count, const ioebss_mask_view *start,
                      const Rows<std::uint8_t> &rows) {
    const Clicks valid = make_clicks(clicks, count, width(), height());
    std::optional<Mask> mask;
    if (start != nullptr) {
        mask = checked_start(*start);
    }
    const bool on_object = std::any_of(
        valid.begin(), valid.end(), [](const Click &click) { return click.label == kForeground; });
    if (valid.empty() || (!mask && !on_object)) {
        throw click_error("no foreground click: click on the object at least once (label 1)");
    }
    const Prediction prediction =
        predicted(valid, {nullptr, mask ? &*mask : nullptr}, mask.has_value());
    write_mask(&prediction, valid, rows);
}

// -- inside

Clicks Session::clicks(std::size_t count) const {
    Clicks result;
    result.reserve(count + 1);
    for (std::size_t i = 0; i < count; ++i) {
        result.push_back(steps_[i].click);
    }
    return result;
}

Prediction Session::predicted(const Clicks &clicks, const Last &last, bool given) {
    Cancellation::Work work(cancellation_);
    try {
        Prediction prediction = predictor_.predict(clicks, last, given);
        work.settle();
        return prediction;
    } catch (...) {
        work.settle();  // what an engine says that was stopped helps nobody
        throw;
    }
}

Mask Session::checked_start(const ioebss_mask_view &start) const {
    if (!model_->manifest().has_previous()) {
        throw usage_error("model '" + model_->manifest().name +
                          "' reads no previous mask, so it cannot start from one; take a model "
                          "with six channels");
    }
    return mask_of(start, height(), width());
}

Rows<std::uint8_t> Session::begin_step(const Rows<std::uint8_t> &rows) {
    own_mask_is_current_ = false;
    return rows.data == nullptr ? Rows<std::uint8_t>{own_mask_.data(), width()} : rows;
}

void Session::end_step(const Rows<std::uint8_t> &written) {
    own_mask_is_current_ = written.data != nullptr && written.data == own_mask_.data();
}

double Session::write_mask(const Prediction *prediction, const Clicks &clicks,
                           const Rows<std::uint8_t> &rows) {
    if (rows.data == nullptr) {
        return 0;
    }
    const Clock clock;
    if (prediction == nullptr) {
        write_start(rows);
    } else {
        predictor_.mask(*prediction, rows);
        obey_exactly(rows, clicks);
    }
    return clock.milliseconds();
}

void Session::write_start(const Rows<std::uint8_t> &rows) const {
    for (std::int64_t y = 0; y < height(); ++y) {
        if (!start_) {
            std::fill_n(rows.row(y), width(), std::uint8_t{0});
            continue;
        }
        const std::uint8_t *from = start_->row(y);
        std::transform(from, from + width(), rows.row(y),
                       [](std::uint8_t value) { return value != 0 ? kObject : std::uint8_t{0}; });
    }
}

}  // namespace ioebss::core
