// Stands in for the package Microsoft.ML.OnnxRuntime, as far as the example in C# uses it, where there is no .NET to
// restore that one with. The graph is run by Python's ONNX Runtime: STAND_IN is the command.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;

namespace Microsoft.ML.OnnxRuntime.Tensors
{
    public class DenseTensor<T>
    {
        public readonly T[] Memory;

        public DenseTensor(T[] memory, int[] dimensions)
        {
            Memory = memory;
        }
    }
}

namespace Microsoft.ML.OnnxRuntime
{
    using Tensors;

    public class OnnxRuntimeException : Exception { }

    public class NodeMetadata
    {
        public int[] Dimensions;
    }

    public class NamedOnnxValue
    {
        public object Value;

        public static NamedOnnxValue CreateFromTensor<T>(string name, DenseTensor<T> value)
        {
            return new NamedOnnxValue { Value = value };
        }

        public IEnumerable<T> AsEnumerable<T>()
        {
            return (T[])Value;
        }
    }

    public class Results : List<NamedOnnxValue>, IDisposable
    {
        public void Dispose() { }
    }

    public class InferenceSession
    {
        readonly string path;
        public readonly Dictionary<string, NodeMetadata> InputMetadata = new Dictionary<string, NodeMetadata>();
        public readonly Dictionary<string, NodeMetadata> OutputMetadata = new Dictionary<string, NodeMetadata>();

        public InferenceSession(string path)
        {
            this.path = path;
            int[] sides = Ask("").Split(' ').Select(int.Parse).ToArray();
            InputMetadata["image"] = new NodeMetadata { Dimensions = sides.Take(4).ToArray() };
            OutputMetadata["score"] = new NodeMetadata { Dimensions = sides.Skip(4).ToArray() };
        }

        public Results Run(IReadOnlyCollection<NamedOnnxValue> inputs)
        {
            string file = Path.GetTempFileName();
            float[] values = ((DenseTensor<float>)inputs.First().Value).Memory;
            var bytes = new byte[values.Length * sizeof(float)];
            Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
            File.WriteAllBytes(file, bytes);
            Ask(file);
            bytes = File.ReadAllBytes(file);
            File.Delete(file);
            var found = new float[bytes.Length / sizeof(float)];
            Buffer.BlockCopy(bytes, 0, found, 0, bytes.Length);
            return new Results { new NamedOnnxValue { Value = found } };
        }

        string Ask(string file)
        {
            string[] command = Environment.GetEnvironmentVariable("STAND_IN").Split('|');
            var start = new ProcessStartInfo(command[0], command[1] + " " + path + " " + file);
            start.UseShellExecute = false;
            start.RedirectStandardOutput = true;
            using (var process = Process.Start(start))
            {
                string said = process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                return said.Trim();
            }
        }
    }
}
