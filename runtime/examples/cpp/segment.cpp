// What `obftnet export` wrote, run from C++ with ONNX Runtime: reads the contract, feeds the graph, decides.
//
//   g++ -std=c++17 -O2 segment.cpp -I ORT/include -L ORT/lib -lonnxruntime -o segment
//   ./segment leather-model part.ppm mask.pgm score.pfm
//
// It needs ONNX Runtime (C and C++ headers, library) and nlohmann/json. Pixels come as PPM (P6, 8 bits), because a
// program at a camera has them already; the mask is written as PGM (0, 255), the scores as PFM (0 to 1). Regions of
// interest, least lengths and 16-bit images are refused: obftnet-runtime has them. Whether model.onnx is still what
// was exported says its SHA-256 in contract.json, which is not compared here.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using nlohmann::json;

// Values (channels, height, width), one after the other.
struct Planes {
  int channels, height, width;
  std::vector<float> values;
  Planes(int c, int h, int w) : channels(c), height(h), width(w), values(size_t(c) * h * w) {}
  float& at(int c, int y, int x) { return values[(size_t(c) * height + y) * width + x]; }
  float at(int c, int y, int x) const { return values[(size_t(c) * height + y) * width + x]; }
};

// ---- Files ----------------------------------------------------------------------------------------------------

Planes read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int width = 0, height = 0, white = 0;
  if (!(file >> kind >> width >> height >> white) || kind != "P6" || white != 255 || width < 1 || height < 1)
    throw std::runtime_error(path + ": not a PPM (P6) of 8-bit RGB");
  file.get();
  std::vector<uint8_t> bytes(size_t(width) * height * 3);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(bytes.size())))
    throw std::runtime_error(path + ": truncated");
  Planes image(3, height, width);
  for (size_t pixel = 0; pixel < size_t(width) * height; ++pixel)
    for (int c = 0; c < 3; ++c) image.values[size_t(c) * height * width + pixel] = bytes[pixel * 3 + c] / 255.0f;
  return image;
}

void write_pgm(const std::string& path, const std::vector<bool>& mask, int height, int width) {
  std::ofstream file(path, std::ios::binary);
  file << "P5\n" << width << " " << height << "\n255\n";
  for (bool marked : mask) file.put(marked ? char(255) : char(0));
  if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

void write_pfm(const std::string& path, const Planes& score) {
  std::ofstream file(path, std::ios::binary);
  file << "Pf\n" << score.width << " " << score.height << "\n-1.0\n";
  for (int y = score.height - 1; y >= 0; --y)  // the format's rows begin at the bottom
    file.write(reinterpret_cast<const char*>(&score.values[size_t(y) * score.width]), score.width * sizeof(float));
  if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

// ---- Resizing: one small matrix an axis (contract.json: input.resize, output.resize) ------------------------------

struct Row {
  int first;
  std::vector<float> weights;
};

// From `length` pixels to `size`: a triangle around each new pixel's centre, wider where the axis shrinks.
std::vector<Row> matrix(int length, int size, bool antialias) {
  const double step = double(length) / size, reach = antialias ? std::max(step, 1.0) : 1.0;
  std::vector<Row> rows;
  for (int i = 0; i < size; ++i) {
    const double centre = (i + 0.5) * step;
    const int first = std::max(0, int(std::floor(centre - reach)));
    const int last = std::min(length - 1, int(std::ceil(centre + reach)));
    std::vector<double> weights;
    for (int j = first; j <= last; ++j) weights.push_back(std::max(0.0, 1 - std::abs(j + 0.5 - centre) / reach));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    Row row{first, {}};
    for (double weight : weights) row.weights.push_back(float(weight / sum));
    rows.push_back(row);
  }
  return rows;
}

Planes resize(const Planes& from, int height, int width, bool antialias) {
  if (from.height == height && from.width == width) return from;
  Planes low(from.channels, height, from.width), to(from.channels, height, width);
  const auto vertical = matrix(from.height, height, antialias), across = matrix(from.width, width, antialias);
  for (int c = 0; c < from.channels; ++c) {
    for (int y = 0; y < height; ++y)
      for (size_t j = 0; j < vertical[y].weights.size(); ++j)
        for (int x = 0; x < from.width; ++x)
          low.at(c, y, x) += vertical[y].weights[j] * from.at(c, vertical[y].first + int(j), x);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (size_t j = 0; j < across[x].weights.size(); ++j)
          to.at(c, y, x) += across[x].weights[j] * low.at(c, y, across[x].first + int(j));
  }
  for (float& value : to.values) value = std::clamp(value, 0.0f, 1.0f);
  return to;
}

// ---- The graph --------------------------------------------------------------------------------------------------

class Model {
 public:
  explicit Model(const std::string& folder) {
    std::ifstream file(folder + "/contract.json");
    if (!file) throw std::runtime_error(folder + ": no contract.json; a folder that obftnet export wrote is wanted");
    contract = json::parse(file);
    if (contract.at("format") != "obftnet-export-1") throw std::runtime_error(folder + ": of another format");
    side_ = contract.at("input").at("shape").at(3);
    kinds_ = contract.at("output").at("kinds").size();
    Ort::SessionOptions options;
    session_ = Ort::Session(environment_, (folder + "/model.onnx").c_str(), options);
    const auto shape = session_.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
    const auto given = session_.GetOutputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
    if (shape.size() != 4 || shape[1] != 3 || shape[2] != side_ || shape[3] != side_ || given.size() != 4 ||
        given[1] != int64_t(kinds_))
      throw std::runtime_error(folder + ": model.onnx is not what contract.json says");
  }

  // The scores of a whole image, or of a tile: (kinds, height, width), 0 to 1.
  Planes look(const Planes& image) {
    Planes small = resize(image, side_, side_, true);
    const int64_t shape[] = {1, 3, side_, side_};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    auto input = Ort::Value::CreateTensor<float>(memory, small.values.data(), small.values.size(), shape, 4);
    const char* inputs[] = {"image"};
    const char* outputs[] = {"score"};
    auto found = session_.Run(Ort::RunOptions{nullptr}, inputs, &input, 1, outputs, 1);
    Planes score(int(kinds_), side_, side_);
    const float* values = found[0].GetTensorData<float>();
    score.values.assign(values, values + score.values.size());
    for (float value : score.values)
      if (!std::isfinite(value)) throw std::runtime_error("the graph gives scores that are no numbers");
    return resize(score, image.height, image.width, false);
  }

  json contract;

 private:
  int side_ = 0;
  size_t kinds_ = 0;
  Ort::Env environment_;
  Ort::Session session_{nullptr};
};

// ---- Tiles (contract.json: tiles) -----------------------------------------------------------------------------------

std::vector<int> starts(int length, int side) {
  const int step = std::max(1, side - side / 4), count = 1 + (length - side + step - 1) / step;
  std::vector<int> found;
  for (int i = 0; i < count; ++i)  // halves are rounded to the even number
    found.push_back(int(std::nearbyint(double(i) * (length - side) / std::max(1, count - 1))));
  return found;
}

std::vector<float> ramp(int side) {
  const double edge = std::max(1, side / 4), half_pi = std::acos(0.0);
  std::vector<float> found;
  for (int i = 0; i < side; ++i) {
    const double sine = std::sin(half_pi * std::min(1.0, (std::min(i, side - 1 - i) + 0.5) / edge));
    found.push_back(float(sine * sine));
  }
  return found;
}

Planes look_in_tiles(Model& model, const Planes& image, int side) {
  if (2 * std::max(image.height, image.width) < side) throw std::runtime_error("the image is smaller than half a tile");
  const int height = std::max(image.height, side), width = std::max(image.width, side);
  const auto mirrored = [](int i, int n) { return (i %= 2 * n) < n ? i : 2 * n - 1 - i; };
  const auto edge = ramp(side);
  std::optional<Planes> total;
  std::vector<float> of_rows(height), of_columns(width);
  for (int top : starts(height, side))
    for (int i = 0; i < side; ++i) of_rows[top + i] += edge[i];
  for (int left : starts(width, side))
    for (int i = 0; i < side; ++i) of_columns[left + i] += edge[i];
  for (int top : starts(height, side))
    for (int left : starts(width, side)) {
      Planes tile(3, side, side);
      for (int c = 0; c < 3; ++c)
        for (int y = 0; y < side; ++y)
          for (int x = 0; x < side; ++x)
            tile.at(c, y, x) = image.at(c, mirrored(top + y, image.height), mirrored(left + x, image.width));
      const Planes score = model.look(tile);
      if (!total) total.emplace(score.channels, height, width);
      for (int c = 0; c < score.channels; ++c)
        for (int y = 0; y < side; ++y)
          for (int x = 0; x < side; ++x) total->at(c, top + y, left + x) += score.at(c, y, x) * (edge[y] * edge[x]);
    }
  Planes found(total->channels, image.height, image.width);
  for (int c = 0; c < found.channels; ++c)
    for (int y = 0; y < found.height; ++y)
      for (int x = 0; x < found.width; ++x)
        found.at(c, y, x) = std::clamp(total->at(c, y, x) / of_rows[y] / of_columns[x], 0.0f, 1.0f);
  return found;
}

// ---- The decision (contract.json: pack.decision) ---------------------------------------------------------------------

// Pixels that touch by a side or a corner, joined as they are added.
class Regions {
 public:
  Regions(int height, int width) : height_(height), width_(width), root_(size_t(height) * width, -1) {}

  // Adds a pixel; the size of its region.
  int add(int pixel) {
    root_[pixel] = pixel;
    areas_.resize(root_.size(), 0);
    areas_[pixel] = 1;
    const int y = pixel / width_, x = pixel % width_;
    for (int j = std::max(0, y - 1); j <= std::min(height_ - 1, y + 1); ++j)
      for (int i = std::max(0, x - 1); i <= std::min(width_ - 1, x + 1); ++i)
        if (root_[j * width_ + i] >= 0) join(pixel, j * width_ + i);
    return areas_[of(pixel)];
  }

  // The region of a pixel; -1 where it is in none.
  int of(int pixel) {
    if (root_[pixel] < 0) return -1;
    while (root_[pixel] != pixel) pixel = root_[pixel] = root_[root_[pixel]];
    return pixel;
  }

  int area(int region) const { return areas_[region]; }

 private:
  void join(int one, int other) {
    one = of(one), other = of(other);
    if (one == other) return;
    root_[other] = one;
    areas_[one] += areas_[other];
  }

  int height_, width_;
  std::vector<int> root_, areas_;
};

struct Decided {
  std::vector<bool> mask;
  std::string verdict;
  float image_score;
  int regions;
};

Decided decide(const Planes& score, const json& pack) {
  const json& said = pack.at("decision");
  if (said.at("min_length") > 1.0) throw std::runtime_error("a least length: this example has none");
  if (!pack.at("interest").is_null()) throw std::runtime_error("a region of interest: this example has none");
  const double threshold = said.at("threshold");
  const json& drawn = said.value("low_threshold", json());
  const double low = drawn.is_null() ? threshold : drawn.get<double>();
  double least = said.at("min_area");
  if (said.at("unit") == "mm") least *= std::pow(pack.at("scale").get<double>(), 2);
  const int count = int(score.values.size());
  Decided found{std::vector<bool>(count), "", 0, 0};

  // The highest level at which a region of the least size is left.
  std::vector<int> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return score.values[a] > score.values[b]; });
  Regions rising(score.height, score.width);
  for (int pixel : order)
    if (rising.add(pixel) >= least) {
      found.image_score = score.values[pixel];
      break;
    }

  // Above the threshold the regions that are large enough, each drawn out to the low threshold.
  Regions certain(score.height, score.width), possible(score.height, score.width), marked(score.height, score.width);
  for (int pixel = 0; pixel < count; ++pixel) {
    if (score.values[pixel] > threshold) certain.add(pixel);
    if (score.values[pixel] > low) possible.add(pixel);
  }
  std::vector<bool> holds(count);
  for (int pixel = 0; pixel < count; ++pixel) {
    const int region = certain.of(pixel);
    if (region < 0 || certain.area(region) < least) continue;
    found.mask[pixel] = true;
    holds[possible.of(pixel)] = true;
  }
  if (low < threshold)
    for (int pixel = 0; pixel < count; ++pixel)
      if (possible.of(pixel) >= 0 && holds[possible.of(pixel)]) found.mask[pixel] = true;
  for (int pixel = 0; pixel < count; ++pixel)
    if (found.mask[pixel]) marked.add(pixel);
  for (int pixel = 0; pixel < count; ++pixel) found.regions += marked.of(pixel) == pixel;

  const json& review = said.at("review");
  const double from = review.is_null() ? threshold : review.at(0).get<double>();
  const double to = review.is_null() ? threshold : review.at(1).get<double>();
  found.verdict = found.image_score > to ? "fail" : found.image_score > from ? "review" : "pass";
  return found;
}

int main(int count, char** words) {
  if (count < 4 || count > 5) {
    std::cerr << "usage: segment MODEL IMAGE.ppm MASK.pgm [SCORE.pfm]\n";
    return 2;
  }
  try {
    Model model(words[1]);
    const Planes image = read_ppm(words[2]);
    const json& tiles = model.contract.at("tiles");
    const Planes kinds = tiles.is_null() ? model.look(image) : look_in_tiles(model, image, tiles.at("side"));
    Planes score(1, kinds.height, kinds.width);  // the largest of the kinds of defect
    for (int c = 0; c < kinds.channels; ++c)
      for (size_t i = 0; i < score.values.size(); ++i)
        score.values[i] = std::max(score.values[i], kinds.values[c * score.values.size() + i]);
    const Decided decided = decide(score, model.contract.at("pack"));
    write_pgm(words[3], decided.mask, score.height, score.width);
    if (count == 5) write_pfm(words[4], score);
    std::cout << json{{"verdict", decided.verdict}, {"image_score", decided.image_score}, {"regions", decided.regions}}
              << "\n";
  } catch (const std::exception& error) {
    std::cerr << "segment: " << error.what() << "\n";
    return 2;
  }
}
