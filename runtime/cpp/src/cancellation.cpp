#include "cancellation.h"

#include <utility>

#include "error.h"

namespace ioebss::core {
namespace {

using Lock = std::lock_guard<std::mutex>;

void throw_if(bool requested) {
    if (requested) {
        throw Error(IOEBSS_ERROR_CANCELLED, "cancelled, as was asked for; click again");
    }
}

}  // namespace

Cancellation::Work::Work(Cancellation &own) : own_(own) {
    const Lock lock(own_.mutex_);
    own_.works_ = true;
    own_.requested_ = false;
}

Cancellation::Work::~Work() {
    const Lock lock(own_.mutex_);
    own_.works_ = false;
}

void Cancellation::Work::settle() {
    const Lock lock(own_.mutex_);
    own_.works_ = false;
    throw_if(own_.requested_);
}

Cancellation::Run::Run(Cancellation &own, std::function<void()> stop) : own_(own) {
    const Lock lock(own_.mutex_);
    throw_if(own_.requested_);
    own_.stop_ = std::move(stop);
}

Cancellation::Run::~Run() {
    const Lock lock(own_.mutex_);
    own_.stop_ = nullptr;
}

bool Cancellation::request() {
    const Lock lock(mutex_);
    if (works_ && !requested_ && stop_) {
        stop_();
    }
    requested_ = requested_ || works_;
    return works_;
}

}  // namespace ioebss::core
