using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using Sos.Firewall.Rules;

namespace Sos.Bench.Workloads;

/// <summary>The subject of a workload, which decides who can run it.</summary>
internal enum WorkloadKind
{
    /// <summary>Blocked prefixes of many lengths.</summary>
    Prefixes,

    /// <summary>Blocked single addresses.</summary>
    Hosts,

    /// <summary>Rules over five fields.</summary>
    FiveTuples,
}

/// <summary>Rules, the packets to try them on, and what must become of each packet.</summary>
internal sealed class Workload : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("sos-bench-");

    public Workload(WorkloadKind kind, int size, Trace trace, byte[] expected, byte[] rulesJson, string nftText)
    {
        Kind = kind;
        Size = size;
        Trace = trace;
        Expected = expected;
        NftText = nftText;
        TracePath = Write("trace", trace.Bytes);
        Stopwatch watch = Stopwatch.StartNew();
        CompileResult result = RulesetCompiler.Compile(rulesJson, new CompileOptions());
        CompileTime = watch.Elapsed;
        Table = result.Table ?? throw new BenchException($"the rules do not compile: {string.Join('\n', result.Diagnostics)}");
    }

    public WorkloadKind Kind { get; }

    /// <summary>Prefixes or rules.</summary>
    public int Size { get; }

    public Trace Trace { get; }

    /// <summary>For each packet of the trace, 1 if it passes.</summary>
    public byte[] Expected { get; }

    /// <summary>The rules as nft reads them.</summary>
    public string NftText { get; }

    /// <summary>The rules as iptables-restore reads them; empty if they are not only addresses.</summary>
    public string IptablesText { get; init; } = string.Empty;

    /// <summary>The trace as a file.</summary>
    public string TracePath { get; }

    /// <summary>The rules as a file for the peers.</summary>
    public string RulesPath { get; private set; } = string.Empty;

    public CompiledTable Table { get; }

    public TimeSpan CompileTime { get; }

    /// <summary>Writes text into the workload's directory.</summary>
    public string WriteText(string name, string text)
    {
        string path = PathOf(name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Writes the rules for the peers.</summary>
    public void WriteRules<T>(ReadOnlySpan<T> rules)
        where T : unmanaged => RulesPath = Write("rules", MemoryMarshal.AsBytes(rules));

    /// <summary>A path in the workload's own directory.</summary>
    public string PathOf(string name) => Path.Combine(_directory.FullName, name);

    /// <summary>Ends with a message if a contender's verdicts are not those of the rules.</summary>
    /// <param name="contender">Its name.</param>
    /// <param name="verdicts">Its verdicts.</param>
    /// <param name="byCount">Whether only their number counts.</param>
    public void Check(string contender, ReadOnlySpan<byte> verdicts, bool byCount)
    {
        if (byCount)
        {
            int passed = verdicts.Count((byte)1);
            int expected = Expected.AsSpan().Count((byte)1);
            if (passed != expected)
            {
                throw new BenchException($"{contender}, {Size} {Kind}: {passed} packets pass, not {expected}; nothing is timed");
            }

            return;
        }

        int first = verdicts.CommonPrefixLength(Expected);
        if (first != Expected.Length || verdicts.Length != Expected.Length)
        {
            throw new BenchException($"{contender}, {Size} {Kind}: verdict of packet {first} is wrong; nothing is timed");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Delete(recursive: true);

    private string Write(string name, ReadOnlySpan<byte> bytes)
    {
        string path = PathOf(name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
