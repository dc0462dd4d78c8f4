using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using Sos.Verbs;
using Xunit;

namespace Sos.Ctl.Tests;

/// <summary>
/// sosctl says of the processor what Linux says of it, on .NET and as the published program: compiled ahead of time, questions to
/// the processor can become constants.
/// </summary>
[Collection("command line")]
public class PublishedSosctlTests
{
    // Each set of ours, and the flags of /proc/cpuinfo that it stands for.
    private static readonly Dictionary<string, string> Sets = new()
    {
        ["Ssse3"] = "pni ssse3",
        ["Sse41"] = "sse4_1",
        ["Sse42"] = "sse4_2",
        ["Popcnt"] = "popcnt",
        ["Aes"] = "aes",
        ["Pclmulqdq"] = "pclmulqdq",
        ["Movbe"] = "movbe",
        ["Lzcnt"] = "abm",
        ["Bmi1"] = "bmi1",
        ["Bmi2"] = "bmi2",
        ["Avx"] = "avx",
        ["Avx2"] = "avx2",
        ["Fma"] = "fma",
        ["Avx512"] = "avx512f avx512bw avx512cd avx512dq avx512vl",
        ["InvariantTsc"] = "nonstop_tsc",
        ["WaitPkg"] = "waitpkg",
        ["RdRand"] = "rdrand",
        ["RdSeed"] = "rdseed",
    };

    // The same for images. Linux has no flag for AVX10.
    private static readonly Dictionary<string, string> ImageSets = new()
    {
        ["Sse42"] = "pni ssse3 sse4_1 sse4_2 popcnt",
        ["Avx"] = "avx",
        ["Avx2"] = "avx avx2 bmi1 bmi2 fma f16c abm movbe",
        ["Avx512"] = "avx512f avx512bw avx512cd avx512dq avx512vl",
        ["Avx512V2"] = "avx512f avx512bw avx512cd avx512dq avx512vl avx512ifma avx512vbmi",
        ["Avx512V3"] = "avx512f avx512bw avx512cd avx512dq avx512vl avx512ifma avx512vbmi "
            + "avx512_bitalg avx512_vbmi2 avx512_vnni avx512_vpopcntdq",
        ["Aes"] = "aes pclmulqdq",
        ["AvxVnni"] = "avx2 avx_vnni",
        ["Gfni"] = "gfni",
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DoctorSaysOfTheProcessorWhatLinuxSays(bool published)
    {
        using JsonDocument document = JsonDocument.Parse(published ? RunPublished("doctor", "--json") : Run("doctor", "--json"));
        JsonElement root = document.RootElement;
        HashSet<string> flags = [.. File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(Expected(Sets, flags), Strings(root, "instruction_sets"));
        Assert.Equal(Expected(ImageSets, flags), Strings(root, "image_instruction_sets").Where(set => !set.StartsWith("Avx10", StringComparison.Ordinal)));

        JsonElement processor = root.GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("topic").GetString() == "processor");
        bool fits = ImageSets["Avx2"].Split(' ').All(flags.Contains);
        Assert.Equal(fits ? "Good" : "Missing", processor.GetProperty("kind").GetString());
        Assert.Equal(flags.Contains("avx512f"), processor.GetProperty("text").GetString()!.Contains("AVX-512", StringComparison.Ordinal));
    }

    private static IEnumerable<string> Expected(Dictionary<string, string> sets, HashSet<string> flags)
        => sets.Where(set => set.Value.Split(' ').All(flags.Contains)).Select(set => set.Key);

    private static IEnumerable<string> Strings(JsonElement root, string property)
        => root.GetProperty(property).EnumerateArray().Select(entry => entry.GetString()!);

    private static string Run(params string[] arguments)
    {
        using StringWriter output = new();
        _ = CommandLine.Run(arguments, new Terminal(output, TextWriter.Null));
        return output.ToString();
    }

    private static string RunPublished(params string[] arguments)
    {
        string program = typeof(PublishedSosctlTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "PublishedSosctl").Value!;
        Assert.True(File.Exists(program), $"{program} is missing: make guest");
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
