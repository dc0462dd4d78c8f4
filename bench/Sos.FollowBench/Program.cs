using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Firewall.Control;
using Sos.Firewall.Control.Following;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;

namespace Sos.FollowBench;

/// <summary>
/// Measures the phases from a change of Linux's rules to the core's switch, in the network namespace that it is started in, whose rules it replaces: hearing
/// of it, reading the rules, reading the port's settings, compiling, and writing the table and opening it as the core does.
/// </summary>
internal static unsafe class Program
{
    private const int RoundsDefault = 15;
    private const int WarmUps = 5;
    private const int RuleCount = 1_000;
    private const int ElementCount = 100_000;
    private const int ElementsAtOnce = 5_000;
    private static readonly TimeSpan HearingMax = TimeSpan.FromSeconds(30);
    private const string Device = "lo"; // the one that each namespace has

    private static readonly string[] Phases = ["hear", "read", "port", "compile", "write", "all"];

    private static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        int rounds = RoundsDefault;
        if (arguments.Length > 1 || (arguments.Length == 1 && (!int.TryParse(arguments[0], out rounds) || rounds < 1)))
        {
            Console.Error.WriteLine($"bench-follow: \"{string.Join(' ', arguments)}\" is no number of rounds: give one from 1 on, as ROUNDS=15");
            return 1;
        }

        Run("ip", ["link", "set", Device, "up"], null);
        Console.WriteLine($"ms, median of {rounds} (the longest of all in brackets), from nft's return\n");
        Console.WriteLine($"{"change",-46}{string.Concat(Phases.Select(phase => $"{phase,9}"))}");
        Measure("a rule of 1,000", Rules, "add rule inet f i tcp dport {0} drop", rounds);
        Measure("an element of 100,000, intervals", Banned("flags interval;"), "add element inet f ban {{ 10.0.{1}.{2} }}", rounds);
        Measure("an element of 100,000, plain", Banned(string.Empty), "add element inet f ban {{ 10.0.{1}.{2} }}", rounds);
        Measure("an element of 100,000 and of 1,000 rules", Rules + Banned("flags interval;"), "add element inet f ban {{ 10.0.{1}.{2} }}", rounds);
        Measure("a rule beside a set of 100,000", Banned("flags interval;"), "add rule inet f i tcp dport {0} drop", rounds);
        return 0;
    }

    private static string Rules
        => "add table inet f\nadd chain inet f i { type filter hook input priority 0; }\n"
            + string.Concat(Enumerable.Range(0, RuleCount).Select(i => $"add rule inet f i ip saddr 10.{i / 250}.{i % 250}.0/24 tcp dport {i + 1} drop\n"));

    private static string Banned(string flags)
    {
        StringBuilder text = new($"add table inet f\nadd set inet f ban {{ type ipv4_addr; {flags} }}\n"
            + "add chain inet f i { type filter hook input priority 0; }\nadd rule inet f i ip saddr @ban drop\n");
        Random random = new(1);
        HashSet<uint> all = [];
        while (all.Count < ElementCount)
        {
            all.Add((uint)random.NextInt64(11L << 24, 223L << 24));
        }

        foreach (uint[] some in all.Chunk(ElementsAtOnce))
        {
            text.Append("add element inet f ban { ").AppendJoin(", ", some.Select(one => $"{one >> 24}.{(one >> 16) & 255}.{(one >> 8) & 255}.{one & 255}"))
                .Append(" }\n");
        }

        return text.ToString();
    }

    private static void Measure(string name, string rules, string change, int rounds)
    {
        Nft("flush ruleset\n" + rules);
        using NetworkWatch watch = new(TimeSpan.FromDays(1));
        using LiveRules live = new();
        List<double[]> times = [];
        for (int i = -WarmUps; i < rounds; i++)
        {
            Nft(string.Format(CultureInfo.InvariantCulture, change, i + 2_000, (i + WarmUps) / 100, ((i + WarmUps) % 100) * 2));
            double[] round = Follow(watch, live);
            if (i >= 0)
            {
                times.Add(round);
            }
        }

        IEnumerable<string> medians = Enumerable.Range(0, Phases.Length)
            .Select(phase => $"{times.Select(one => one[phase]).Order().ElementAt(times.Count / 2),9:F1}");
        Console.WriteLine($"{name,-46}{string.Concat(medians)} ({times.Max(one => one[^1]):F1})");
    }

    private static double[] Follow(NetworkWatch watch, LiveRules live)
    {
        Stopwatch clock = Stopwatch.StartNew();
        List<double> marks = [0];
        if (!watch.Wait(HearingMax))
        {
            throw new InvalidOperationException("the kernel tells of no change");
        }

        marks.Add(clock.Elapsed.TotalMilliseconds);
        RulesetListing listing = live.Read();
        marks.Add(clock.Elapsed.TotalMilliseconds);
        PrefilterOptions options = listing.AddTo(LivePort.Read([Device], BackEndKind.Offline, 1));
        marks.Add(clock.Elapsed.TotalMilliseconds);
        PrefilterResult result = PrefilterCompiler.Compile(listing.Json, options);
        marks.Add(clock.Elapsed.TotalMilliseconds);
        Open(result.Table.Bytes);
        marks.Add(clock.Elapsed.TotalMilliseconds);
        return [.. marks.Zip(marks.Skip(1), (before, after) => after - before), marks[^1]];
    }

    private static void Open(ReadOnlySpan<byte> table)
    {
        void* slot = NativeMemory.AlignedAlloc((nuint)table.Length, 4096);
        try
        {
            table.CopyTo(new Span<byte>(slot, table.Length));
            if (!FirewallTable.TryOpen((byte*)slot, (ulong)table.Length, out _))
            {
                throw new InvalidOperationException("the core refuses the table");
            }
        }
        finally
        {
            NativeMemory.AlignedFree(slot);
        }
    }

    private static void Nft(string commands) => Run("nft", ["-f", "-"], commands);

    private static void Run(string program, string[] arguments, string? input)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true })!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} fails with {process.ExitCode}");
        }
    }
}
