using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Firewall.Capture;
using Sos.Firewall.Rules;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.Firewall.Tests;

/// <summary>The firewall service between a card and a host port that the test plays.</summary>
internal sealed class FirewallBench : IDisposable
{
    public const string PortName = "eth0";

    public FirewallBench(string parameters = "", int tableSlotSize = 16 << 20, bool capture = false, int arenaSize = 4 << 20)
    {
        Harness = new ServiceHarness<FirewallService>(new HarnessOptions
        {
            Ports = ["nic"],
            HostPorts = ["nic"],
            ArenaSize = arenaSize,
            PortSlots = 1024,
            PacketMemorySize = 4 << 20,
            TableSlotSize = tableSlotSize,
            Parameters = parameters,
            SharedMemory = capture ? [(int)(LogRing.Offset + LogHeader.TotalSize)] : [],
        });
        ExitCode = Harness.Start();
    }

    public ServiceHarness<FirewallService> Harness { get; }

    public long ExitCode { get; }

    public PortPeer Nic => Harness.Nic();

    public PortPeer Host => Harness.Host();

    /// <summary>The card's address.</summary>
    public unsafe byte[] NicMac => ((ReadOnlySpan<byte>)Nic.Layout->Mac).ToArray();

    /// <summary>Compiles rules as a user writes them, which must be honoured.</summary>
    public static CompiledTable Compile(string rules, out LoadedRuleset loaded, string portName = PortName)
    {
        loaded = Load(rules);
        CompileResult result = RulesetCompiler.Compile(
            loaded.Json,
            new CompileOptions
            {
                PortNames = [portName],
                RuleTexts = loaded.RuleTexts,
                TracksConnections = true,
                DecidesAlone = true,
                Sent = SentFrames.Judged,
            });
        Assert.True(result.Table is not null, string.Join('\n', result.Diagnostics) + "\n" + rules);
        return result.Table!;
    }

    public static LoadedRuleset Load(string rules)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, rules);
            return RulesetLoader.LoadFile(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public void Apply(string rules) => Assert.True(Harness.LoadTable(Compile(rules, out _).Bytes));

    /// <summary>Sends frames to the card and returns what reaches the host, in order.</summary>
    public List<byte[]> Filter(IEnumerable<byte[]> frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(Nic.Send(frame));
        }

        Harness.Poll(1024 / 64);
        return [.. Host.ReceiveAll()];
    }

    public bool Passes(byte[] frame) => Filter([frame]).Count == 1;

    /// <summary>Lets the host send frames and returns what leaves by the card, in order.</summary>
    public List<byte[]> Send(IEnumerable<byte[]> frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(Host.Send(frame));
        }

        Harness.Poll(1024 / 64);
        return [.. Nic.ReceiveAll()];
    }

    public bool Sends(byte[] frame) => Send([frame]).Count == 1;

    public ulong Counter(string name) => Harness.Counter(name);

    /// <summary>The packets of each counter, by the rule or the name it belongs to.</summary>
    public Dictionary<string, ulong> RuleCounters(CompiledTable table)
        => table.Counters.Select((counter, i) => (counter.Place, Packets: Counter($"rule_counter{i}.packets")))
            .GroupBy(pair => pair.Place)
            .ToDictionary(group => group.Key, group => group.First().Packets);

    public void Dispose() => Harness.Dispose();
}
