// When work on the GPU is recorded, and that it is the newest recording that is played.
#include <vector>

#include "check.h"
#include "driver/stand_in.h"
#include "gpu/driver.h"
#include "gpu/recording.h"

using namespace ioebss::core;

namespace {

// Work that notes each time it is put on the stream, and when it is done, which time that was.
class Work {
  public:
    explicit Work(const Driver &driver) : recording_(driver, true), stream_(driver.open_stream()) {}

    // Does it once more. The next recording fails where `failing`.
    void run(bool failing = false) {
        if (failing) {
            stand_in::fail_at(stand_in::calls());
        }
        recording_.run(
            [this] {
                put_.push_back(runs_);
                stand_in::enqueue(stream_.get(), [this, made = runs_] { done_.push_back(made); });
            },
            stream_);
        ++runs_;
    }

    const std::vector<int> &put() const { return put_; }
    // Of each time, when what was done then had been put on the stream.
    const std::vector<int> &done() const { return done_; }

  private:
    Recording recording_;
    Stream stream_;
    int runs_ = 0;
    std::vector<int> put_, done_;
};

void check_when() {
    std::vector<int> found;
    for (int times = 0; times < 1000; ++times) {
        if (is_recorded_after(times)) {
            found.push_back(times);
        }
    }
    CHECK((found == std::vector<int>{1, 4, 16, 64}));
}

void check_the_newest_is_played(const Driver &driver) {
    const int held = stand_in::held();
    {
        Work work(driver);
        for (int i = 0; i < 70; ++i) {
            work.run();
        }
        CHECK((work.put() == std::vector<int>{0, 1, 4, 16, 64}));
        std::vector<int> expected;
        for (int i = 0; i < 70; ++i) {
            expected.push_back(i == 0 ? 0 : i < 4 ? 1 : i < 16 ? 4 : i < 64 ? 16 : 64);
        }
        CHECK(work.done() == expected);
        CHECK(stand_in::held() == held + 2);  // the stream and one graph
    }
    CHECK(stand_in::held() == held);
}

void check_a_later_failure_keeps_what_was_recorded(const Driver &driver) {
    const int held = stand_in::held();
    Work work(driver);
    for (int i = 0; i < 20; ++i) {
        work.run(i == 4);
        CHECK(i == 0 || stand_in::held() == held + 2);
    }
    // The recording of the 5th time failed before the work was put; the one of the 17th did not.
    CHECK((work.put() == std::vector<int>{0, 1, 16}));
    std::vector<int> expected{0};
    expected.insert(expected.end(), 15, 1);
    expected.insert(expected.end(), 4, 16);
    CHECK(work.done() == expected);
}

void check_a_first_failure_is_final(const Driver &driver) {
    Work work(driver);
    for (int i = 0; i < 20; ++i) {
        work.run(i == 1);
    }
    CHECK(work.put().size() == 20 && work.done() == work.put());
}

}  // namespace

int main() {
    check_when();
    {
        const Driver driver;
        const Driver::Active active(driver);
        check_the_newest_is_played(driver);
        check_a_later_failure_keeps_what_was_recorded(driver);
        check_a_first_failure_is_final(driver);
    }
    CHECK(stand_in::held() == 0);
    return check::result();
}
