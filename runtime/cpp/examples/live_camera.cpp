// Clicks on a live picture: the left button is on the object, the right one off it.
//   live_camera MODEL.onnx [CAMERA]
// Each frame is segmented with the clicks so far. Space forgets them, u undoes, Escape ends.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <ioebss/ioebss.hpp>
#include <opencv2/highgui.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr const char *kWindow = "ioebss";

void on_mouse(int event, int x, int y, int, void *clicks) {
    if (event == cv::EVENT_LBUTTONDOWN || event == cv::EVENT_RBUTTONDOWN) {
        const int label =
            event == cv::EVENT_LBUTTONDOWN ? ioebss::kForeground : ioebss::kBackground;
        static_cast<std::vector<ioebss::Click> *>(clicks)->push_back(
            {static_cast<double>(x), static_cast<double>(y), label});
    }
}

// The mask of the clicks, or nothing before the first one on the object.
void segment(const ioebss::Model &model, const cv::Mat &frame,
             const std::vector<ioebss::Click> &clicks, cv::Mat &mask) {
    mask = cv::Mat::zeros(frame.size(), CV_8U);
    ioebss::Session session = model.open({frame.data, frame.cols, frame.rows, ioebss::Channels::bgr,
                                          static_cast<std::int64_t>(frame.step)});
    try {
        session.predict(clicks, {mask.data, mask.cols, mask.rows});
    } catch (const ioebss::ClickError &) {
        mask = 0;
    }
}

void run(const std::string &path, int camera) {
    const ioebss::Model model(path);
    cv::VideoCapture source(camera);
    if (!source.isOpened()) {
        throw std::runtime_error("camera " + std::to_string(camera) + " cannot be opened");
    }
    std::vector<ioebss::Click> clicks;
    cv::namedWindow(kWindow);
    cv::setMouseCallback(kWindow, on_mouse, &clicks);
    cv::Mat frame, mask;
    for (int key = 0; key != 27 && source.read(frame); key = cv::waitKey(1)) {
        if (key == ' ') {
            clicks.clear();
        } else if (key == 'u' && !clicks.empty()) {
            clicks.pop_back();
        }
        if (!clicks.empty()) {
            segment(model, frame, clicks, mask);
            frame.setTo(cv::Scalar(0, 200, 0), mask);
        }
        cv::imshow(kWindow, frame);
    }
}

}  // namespace

int main(int count, char **arguments) {
    if (count < 2) {
        std::fprintf(stderr, "usage: %s MODEL.onnx [CAMERA]\n", arguments[0]);
        return 2;
    }
    try {
        run(arguments[1], count > 2 ? std::atoi(arguments[2]) : 0);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
