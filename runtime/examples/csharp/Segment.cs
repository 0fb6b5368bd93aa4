// What `obftnet export` wrote, run from C# with ONNX Runtime: reads the contract, feeds the graph, decides.
//
//   dotnet run -- leather-model part.ppm mask.pgm score.pfm
//
// The same program as ../cpp/segment.cpp, function by function: pixels come as PPM (P6, 8 bits), the mask is written
// as PGM (0, 255), the scores as PFM (0 to 1). Regions of interest, least lengths and 16-bit images are refused:
// obftnet-runtime has them. Whether model.onnx is still what was exported says its SHA-256 in contract.json, which
// is not compared here.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

// What cannot be used, in one line.
class InputException : Exception
{
    public InputException(string message) : base(message) { }
}

// Values (channels, height, width), one after the other.
class Planes
{
    public readonly int Channels, Height, Width;
    public readonly float[] Values;

    public Planes(int channels, int height, int width)
    {
        Channels = channels;
        Height = height;
        Width = width;
        Values = new float[channels * height * width];
    }

    public float this[int c, int y, int x]
    {
        get { return Values[(c * Height + y) * Width + x]; }
        set { Values[(c * Height + y) * Width + x] = value; }
    }
}

static class Files
{
    public static Planes ReadPpm(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int at = 0;
        Func<string> word = () =>
        {
            while (at < bytes.Length && bytes[at] <= 32) at++;
            int start = at;
            while (at < bytes.Length && bytes[at] > 32) at++;
            return Encoding.ASCII.GetString(bytes, start, at - start);
        };
        string kind = word();
        int width = 0, height = 0, white = 0;
        bool numbers = int.TryParse(word(), out width) & int.TryParse(word(), out height) & int.TryParse(word(), out white);
        if (kind != "P6" || !numbers || white != 255 || width < 1 || height < 1)
            throw new InputException(path + ": not a PPM (P6) of 8-bit RGB");
        at++;
        if (bytes.Length - at < (long)width * height * 3) throw new InputException(path + ": truncated");
        var image = new Planes(3, height, width);
        for (int pixel = 0; pixel < width * height; pixel++)
            for (int c = 0; c < 3; c++)
                image.Values[c * height * width + pixel] = bytes[at + pixel * 3 + c] / 255f;
        return image;
    }

    public static void WritePgm(string path, bool[] mask, int height, int width)
    {
        var head = Encoding.ASCII.GetBytes("P5\n" + width + " " + height + "\n255\n");
        File.WriteAllBytes(path, head.Concat(mask.Select(marked => (byte)(marked ? 255 : 0))).ToArray());
    }

    public static void WritePfm(string path, Planes score)
    {
        using (var file = File.Create(path))
        {
            var head = Encoding.ASCII.GetBytes("Pf\n" + score.Width + " " + score.Height + "\n-1.0\n");
            file.Write(head, 0, head.Length);
            var row = new byte[score.Width * sizeof(float)];
            for (int y = score.Height - 1; y >= 0; y--) // the format's rows begin at the bottom
            {
                Buffer.BlockCopy(score.Values, y * row.Length, row, 0, row.Length);
                file.Write(row, 0, row.Length);
            }
        }
    }
}

// Resizing: one small matrix an axis (contract.json: input.resize, output.resize).
static class Resizing
{
    struct Row
    {
        public int First;
        public float[] Weights;
    }

    // From `length` pixels to `size`: a triangle around each new pixel's centre, wider where the axis shrinks.
    static Row[] Matrix(int length, int size, bool antialias)
    {
        double step = (double)length / size, reach = antialias ? Math.Max(step, 1) : 1;
        var rows = new Row[size];
        for (int i = 0; i < size; i++)
        {
            double centre = (i + 0.5) * step;
            int first = Math.Max(0, (int)Math.Floor(centre - reach));
            int last = Math.Min(length - 1, (int)Math.Ceiling(centre + reach));
            var weights = new double[last - first + 1];
            for (int j = first; j <= last; j++)
                weights[j - first] = Math.Max(0, 1 - Math.Abs(j + 0.5 - centre) / reach);
            double sum = weights.Sum();
            rows[i] = new Row { First = first, Weights = weights.Select(weight => (float)(weight / sum)).ToArray() };
        }
        return rows;
    }

    public static Planes To(Planes from, int height, int width, bool antialias)
    {
        if (from.Height == height && from.Width == width) return from;
        Planes low = new Planes(from.Channels, height, from.Width), to = new Planes(from.Channels, height, width);
        Row[] vertical = Matrix(from.Height, height, antialias), across = Matrix(from.Width, width, antialias);
        for (int c = 0; c < from.Channels; c++)
        {
            for (int y = 0; y < height; y++)
                for (int j = 0; j < vertical[y].Weights.Length; j++)
                    for (int x = 0; x < from.Width; x++)
                        low[c, y, x] += vertical[y].Weights[j] * from[c, vertical[y].First + j, x];
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    for (int j = 0; j < across[x].Weights.Length; j++)
                        to[c, y, x] += across[x].Weights[j] * low[c, y, across[x].First + j];
        }
        for (int i = 0; i < to.Values.Length; i++) to.Values[i] = Math.Min(1, Math.Max(0, to.Values[i]));
        return to;
    }
}

// The graph, and what contract.json says of it.
class Model
{
    readonly InferenceSession session;
    readonly int side;
    public readonly int Kinds;
    public readonly XElement Contract;

    public Model(string folder)
    {
        string path = Path.Combine(folder, "contract.json");
        if (!File.Exists(path))
            throw new InputException(folder + ": no contract.json; a folder that obftnet export wrote is wanted");
        using (var reader = JsonReaderWriterFactory.CreateJsonReader(File.ReadAllBytes(path), XmlDictionaryReaderQuotas.Max))
            Contract = XElement.Load(reader);
        if (Contract.Element("format").Value != "obftnet-export-1")
            throw new InputException(folder + ": of another format");
        side = (int)Contract.Element("input").Element("shape").Elements().ElementAt(3);
        Kinds = Contract.Element("output").Element("kinds").Elements().Count();
        session = new InferenceSession(Path.Combine(folder, "model.onnx"));
        int[] taken = session.InputMetadata["image"].Dimensions, given = session.OutputMetadata["score"].Dimensions;
        if (taken.Length != 4 || taken[1] != 3 || taken[2] != side || taken[3] != side || given.Length != 4 || given[1] != Kinds)
            throw new InputException(folder + ": model.onnx is not what contract.json says");
    }

    // The scores of a whole image, or of a tile: (kinds, height, width), 0 to 1.
    public Planes Look(Planes image)
    {
        Planes small = Resizing.To(image, side, side, true);
        var tensor = new DenseTensor<float>(small.Values, new[] { 1, 3, side, side });
        var score = new Planes(Kinds, side, side);
        using (var found = session.Run(new[] { NamedOnnxValue.CreateFromTensor("image", tensor) }))
            found.First().AsEnumerable<float>().ToArray().CopyTo(score.Values, 0);
        if (score.Values.Any(value => float.IsNaN(value) || float.IsInfinity(value)))
            throw new InputException("the graph gives scores that are no numbers");
        return Resizing.To(score, image.Height, image.Width, false);
    }
}

// Tiles (contract.json: tiles).
static class Tiles
{
    static List<int> Starts(int length, int side)
    {
        int step = Math.Max(1, side - side / 4), count = 1 + (length - side + step - 1) / step;
        var found = new List<int>();
        for (int i = 0; i < count; i++) // halves are rounded to the even number, which is Math.Round's way, too
            found.Add((int)Math.Round((double)i * (length - side) / Math.Max(1, count - 1)));
        return found;
    }

    static float[] Ramp(int side)
    {
        double edge = Math.Max(1, side / 4);
        var found = new float[side];
        for (int i = 0; i < side; i++)
        {
            double sine = Math.Sin(Math.PI / 2 * Math.Min(1, (Math.Min(i, side - 1 - i) + 0.5) / edge));
            found[i] = (float)(sine * sine);
        }
        return found;
    }

    static int Mirrored(int i, int n)
    {
        i %= 2 * n;
        return i < n ? i : 2 * n - 1 - i;
    }

    public static Planes Look(Model model, Planes image, int side)
    {
        if (2 * Math.Max(image.Height, image.Width) < side)
            throw new InputException("the image is smaller than half a tile");
        int height = Math.Max(image.Height, side), width = Math.Max(image.Width, side);
        float[] edge = Ramp(side), ofRows = new float[height], ofColumns = new float[width];
        foreach (int top in Starts(height, side))
            for (int i = 0; i < side; i++) ofRows[top + i] += edge[i];
        foreach (int left in Starts(width, side))
            for (int i = 0; i < side; i++) ofColumns[left + i] += edge[i];
        var total = new Planes(model.Kinds, height, width);
        foreach (int top in Starts(height, side))
            foreach (int left in Starts(width, side))
            {
                var tile = new Planes(3, side, side);
                for (int c = 0; c < 3; c++)
                    for (int y = 0; y < side; y++)
                        for (int x = 0; x < side; x++)
                            tile[c, y, x] = image[c, Mirrored(top + y, image.Height), Mirrored(left + x, image.Width)];
                Planes score = model.Look(tile);
                for (int c = 0; c < score.Channels; c++)
                    for (int y = 0; y < side; y++)
                        for (int x = 0; x < side; x++)
                            total[c, top + y, left + x] += score[c, y, x] * (edge[y] * edge[x]);
            }
        var found = new Planes(model.Kinds, image.Height, image.Width);
        for (int c = 0; c < found.Channels; c++)
            for (int y = 0; y < found.Height; y++)
                for (int x = 0; x < found.Width; x++)
                    found[c, y, x] = Math.Min(1, Math.Max(0, total[c, y, x] / ofRows[y] / ofColumns[x]));
        return found;
    }
}

// Pixels that touch by a side or a corner, joined as they are added.
class Regions
{
    readonly int height, width;
    readonly int[] root, areas;

    public Regions(int height, int width)
    {
        this.height = height;
        this.width = width;
        root = Enumerable.Repeat(-1, height * width).ToArray();
        areas = new int[height * width];
    }

    // Adds a pixel; the size of its region.
    public int Add(int pixel)
    {
        root[pixel] = pixel;
        areas[pixel] = 1;
        int y = pixel / width, x = pixel % width;
        for (int j = Math.Max(0, y - 1); j <= Math.Min(height - 1, y + 1); j++)
            for (int i = Math.Max(0, x - 1); i <= Math.Min(width - 1, x + 1); i++)
                if (root[j * width + i] >= 0) Join(pixel, j * width + i);
        return areas[Of(pixel)];
    }

    // The region of a pixel; -1 where it is in none.
    public int Of(int pixel)
    {
        if (root[pixel] < 0) return -1;
        while (root[pixel] != pixel) pixel = root[pixel] = root[root[pixel]];
        return pixel;
    }

    public int Area(int region)
    {
        return areas[region];
    }

    void Join(int one, int other)
    {
        one = Of(one);
        other = Of(other);
        if (one == other) return;
        root[other] = one;
        areas[one] += areas[other];
    }
}

// The decision (contract.json: pack.decision).
class Decided
{
    public readonly bool[] Mask;
    public readonly string Verdict;
    public readonly float ImageScore;
    public readonly int Count;

    public Decided(Planes score, XElement pack)
    {
        XElement said = pack.Element("decision");
        Func<XElement, bool> isNull = element => element == null || (string)element.Attribute("type") == "null";
        if ((double)said.Element("min_length") > 1) throw new InputException("a least length: this example has none");
        if (!isNull(pack.Element("interest"))) throw new InputException("a region of interest: this example has none");
        double threshold = (double)said.Element("threshold"), least = (double)said.Element("min_area");
        double low = isNull(said.Element("low_threshold")) ? threshold : (double)said.Element("low_threshold");
        if (said.Element("unit").Value == "mm") least *= Math.Pow((double)pack.Element("scale"), 2);
        int pixels = score.Values.Length;
        Mask = new bool[pixels];

        // The highest level at which a region of the least size is left.
        int[] order = Enumerable.Range(0, pixels).ToArray();
        Array.Sort(score.Values.Select(value => -value).ToArray(), order);
        var rising = new Regions(score.Height, score.Width);
        foreach (int pixel in order)
            if (rising.Add(pixel) >= least)
            {
                ImageScore = score.Values[pixel];
                break;
            }

        // Above the threshold the regions that are large enough, each drawn out to the low threshold.
        Regions certain = new Regions(score.Height, score.Width), possible = new Regions(score.Height, score.Width);
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            if (score.Values[pixel] > threshold) certain.Add(pixel);
            if (score.Values[pixel] > low) possible.Add(pixel);
        }
        var holds = new bool[pixels];
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            int region = certain.Of(pixel);
            if (region < 0 || certain.Area(region) < least) continue;
            Mask[pixel] = true;
            holds[possible.Of(pixel)] = true;
        }
        if (low < threshold)
            for (int pixel = 0; pixel < pixels; pixel++)
                if (possible.Of(pixel) >= 0 && holds[possible.Of(pixel)]) Mask[pixel] = true;
        var marked = new Regions(score.Height, score.Width);
        for (int pixel = 0; pixel < pixels; pixel++)
            if (Mask[pixel]) marked.Add(pixel);
        for (int pixel = 0; pixel < pixels; pixel++)
            if (marked.Of(pixel) == pixel) Count++;

        XElement[] review = said.Element("review").Elements().ToArray();
        double from = review.Length == 0 ? threshold : (double)review[0];
        double to = review.Length == 0 ? threshold : (double)review[1];
        Verdict = ImageScore > to ? "fail" : ImageScore > from ? "review" : "pass";
    }
}

static class Program
{
    static int Main(string[] words)
    {
        if (words.Length < 3 || words.Length > 4)
        {
            Console.Error.WriteLine("usage: Segment MODEL IMAGE.ppm MASK.pgm [SCORE.pfm]");
            return 2;
        }
        try
        {
            var model = new Model(words[0]);
            Planes image = Files.ReadPpm(words[1]);
            XElement tiles = model.Contract.Element("tiles");
            Planes kinds = tiles.Element("side") == null
                ? model.Look(image)
                : Tiles.Look(model, image, (int)tiles.Element("side"));
            var score = new Planes(1, kinds.Height, kinds.Width); // the largest of the kinds of defect
            for (int i = 0; i < kinds.Values.Length; i++)
                score.Values[i % score.Values.Length] = Math.Max(score.Values[i % score.Values.Length], kinds.Values[i]);
            var decided = new Decided(score, model.Contract.Element("pack"));
            Files.WritePgm(words[2], decided.Mask, score.Height, score.Width);
            if (words.Length == 4) Files.WritePfm(words[3], score);
            string value = decided.ImageScore.ToString("R", CultureInfo.InvariantCulture);
            Console.WriteLine(
                "{\"verdict\":\"" + decided.Verdict + "\",\"image_score\":" + value + ",\"regions\":" + decided.Count + "}");
            return 0;
        }
        catch (Exception error) when (error is InputException || error is IOException || error is OnnxRuntimeException)
        {
            Console.Error.WriteLine("segment: " + error.Message);
            return 2;
        }
    }
}
