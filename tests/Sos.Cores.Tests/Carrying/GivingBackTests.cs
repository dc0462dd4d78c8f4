using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Sos.Cores.BackEnds;
using Sos.Cores.Carrying;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Running;
using Sos.Linux;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>
/// Giving back needs no luck: each system call of it fails once, or the process dies at it, and after the next try, at the latest, all is as before. The calls
/// are counted first, so that one that is added later has its turn as well.
/// </summary>
public sealed class GivingBackTests
{
    private const int Cpu = 999; // nobody has it

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly int[] Failures = [Errno.NoSpace, Errno.Exists, Errno.Busy, Errno.NotPermitted];

    private const string SetUp =
        """
        ip link set eth0 txqueuelen 4242 alias uplink
        ip link property add dev eth0 altname uplink0
        sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv4.conf.eth0.rp_filter=2
        ip link set eth0 up
        ip address add 192.0.2.1/24 dev eth0
        ip -6 address add 2001:db8:1::1/64 dev eth0 nodad
        ip route add default via 192.0.2.2 dev eth0 table 100
        ip route add 198.18.0.0/15 nexthop via 192.0.2.2 dev eth0 nexthop via 198.51.100.2 dev other0
        ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
        tc qdisc replace dev eth0 root tbf rate 8mbit burst 16k latency 50ms
        """;

    /// <summary>Death is an exception here, which nothing may catch.</summary>
    private sealed class Death : Exception;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnUnpluggedCoresCard(bool dies)
    {
        using CarriedHost host = new();
        host.Shell(SetUp);
        string[] before = host.Snapshot();
        InterfaceConfiguration configuration = host.Inside(() => InterfaceConfiguration.Read("eth0"));

        // A card comes back as the other device that stood in its place has gone.
        void ComeBack()
        {
            host.PullOut();
            host.PlugIn();
        }

        ComeBack();
        int calls = Count(() => host.Inside(() => configuration.Apply("eth0", isCard: true)));
        Assert.True(calls > 30, $"{calls} calls");
        for (int call = 0; call < calls; call++)
        {
            ComeBack();
            if (!Interfere(call, dies, () => host.Inside(() => configuration.Apply("eth0", isCard: true).Count == 0)))
            {
                // A cable dies with the namespace that it is in at this moment; a card comes back from there.
                if (!host.Inside(() => NetworkLink.Find("eth0") is not null))
                {
                    CarriedHost.Await(() => host.Inside(() => NetworkLink.Find("far0") is null), "the other end of the cable stays");
                    host.PlugIn();
                }

                Assert.Empty(host.Inside(() => configuration.Apply("eth0", isCard: true)));
            }

            AwaitSame(before, host, $"call {call} of {calls}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnIsolatedCoresDevice(bool dies)
    {
        using CarriedHost host = new();
        host.Shell(SetUp);
        string[] before = host.Snapshot();

        CardRecord Take() => GivingBackTests.Take(host);

        // From the namespace of the test: it is the device's that must be found and entered.
        bool GiveBack(CardRecord card) => NetdevDevice.GiveBack(Cpu, card, []);

        CardRecord first = Take();
        int calls = Count(() => GiveBack(first));
        Assert.True(calls > 5, $"{calls} calls");
        for (int call = 0; call < calls; call++)
        {
            CardRecord card = Take();
            Assert.Contains($"sos{Cpu}", host.Shell("ip -br link"), StringComparison.Ordinal);
            if (!Interfere(call, dies, () => GiveBack(card)))
            {
                Assert.True(GiveBack(card), $"call {call} of {calls}");
            }

            Assert.DoesNotContain("sos", host.Shell("ip -br link"), StringComparison.Ordinal);
            Assert.Empty(host.Inside(() => IngressHook.ListOurs(card.Netdev!.Index, Cpu)));
            AwaitSame(before, host, $"call {call} of {calls}");
        }
    }

    [Fact]
    public void ADeviceThatWasMovedToAnotherNamespace()
    {
        using CarriedHost host = new();
        using CarriedHost other = new();
        CardRecord card = Take(host);
        host.Shell($"ip link set eth0 name moved0; ip link set moved0 netns {Path.GetFileName(other.Place)}");
        uint Moved() => NetworkCalls.InterfaceIndex("moved0");
        Assert.Single(other.Inside(() => IngressHook.ListOurs(Moved(), Cpu)));
        List<string> notes = [];
        Assert.True(NetdevDevice.GiveBack(Cpu, card, notes));
        Assert.Contains("moved to another network namespace", Assert.Single(notes), StringComparison.Ordinal);
        Assert.Empty(other.Inside(() => IngressHook.ListOurs(Moved(), Cpu)));
        Assert.DoesNotContain("sos", host.Shell("ip -br link"), StringComparison.Ordinal);
    }

    /// <summary>The namespace of the record is gone, as for a card that fell back into the first one.</summary>
    [Fact]
    public void ADeviceWhoseNamespaceIsGone()
    {
        using CarriedHost host = new();
        CardRecord card = Take(host);
        Assert.True(NetdevDevice.GiveBack(Cpu, card with { Netdev = card.Netdev! with { Namespace = "net:[1]" } }, []));
        Assert.Empty(host.Inside(() => IngressHook.ListOurs(card.Netdev!.Index, Cpu)));
        host.Shell($"ip link delete {FrameWayNames.For(Cpu, card.Netdev!.Index).Take}");
        Assert.True(NetdevDevice.GiveBack(Cpu, card with { Netdev = card.Netdev! with { Namespace = "net:[1]" } }, []));
    }

    /// <summary>Nobody finds a namespace by name or process, and the file of its name is left: "not found" is not "given back".</summary>
    [Fact]
    public void ADeviceThatCannotBeReachedIsNotForgotten()
    {
        using CarriedHost host = new();
        CardRecord card = Take(host);
        using FileDescriptor held = FileDescriptor.Raise(Libc.Open(host.Place, Libc.OpenCloseOnExec), "opening the namespace");
        CarriedHost.Run($"umount -l {host.Place}");
        List<string> notes = [];
        Assert.False(NetdevDevice.GiveBack(Cpu, card, notes));
        Assert.Contains("nsenter", Assert.Single(notes), StringComparison.Ordinal);

        // A process in it makes it one that can be found.
        using Process inside = Process.Start("nsenter", [$"--net=/proc/{Environment.ProcessId}/fd/{held.Descriptor}", "sleep", "1000"]);
        try
        {
            string place = $"/proc/{inside.Id}/ns/net";
            CarriedHost.Await(() => new FileInfo(place).LinkTarget == card.Netdev!.Namespace, "the process does not get there");
            Assert.True(NetdevDevice.GiveBack(Cpu, card, []));
            using NetworkNamespace entered = NetworkNamespace.EnterNamed(place);
            Assert.Empty(IngressHook.ListOurs(card.Netdev!.Index, Cpu));
        }
        finally
        {
            inside.Kill();
            inside.WaitForExit();
        }
    }

    /// <summary>Another device has the number now, and the record's is gone: nothing is changed on the other.</summary>
    [Fact]
    public void ADeviceWhoseNumberAnotherHas()
    {
        using CarriedHost host = new();
        CardRecord card = Take(host);
        uint index = card.Netdev!.Index;
        host.Shell($"ip link delete eth0; ip link add new0 index {index} address 02:00:00:00:00:66 type veth peer name new1");
        List<string> notes = [];
        Assert.True(NetdevDevice.GiveBack(Cpu, card, notes));
        Assert.Contains("somebody removed it", Assert.Single(notes), StringComparison.Ordinal);
    }

    private static CardRecord Take(CarriedHost host) => host.Inside(() =>
    {
        NetdevDevice device = NetdevDevice.Find("eth0", Cpu, new DeviceOptions(Force: true));
        CardRecord card = device.Describe();
        device.Take();
        uint index = card.Netdev!.Index;
        using FileDescriptor sockets = BpfObject.MakeSocketMap(1);
        using FileDescriptor program = FramePrograms.Take(
            Cpu, sockets, NetworkCalls.InterfaceIndex(FrameWayNames.For(Cpu, index).Take), mark: 1, open: false);
        IngressHook.Put(index, program, Cpu);
        return card;
    });

    private static int Count(Action work)
    {
        int calls = 0;
        With(
            _ =>
            {
                calls++;
                return 0;
            },
            work);
        return calls;
    }

    /// <summary>Does something of which one call fails.</summary>
    /// <returns>Whether it says that all is done.</returns>
    private static bool Interfere(int call, bool dies, Func<bool> work)
    {
        bool done = false;
        int at = 0;

        // Who dies stays in no namespace; this thread goes on.
        using NetworkNamespace here = NetworkNamespace.Remember();
        try
        {
            With(
                _ => at++ != call ? 0 : dies ? throw new Death() : Failures[call % Failures.Length],
                () => done = work());
        }
        catch (Exception e) when (e is Death or SosException)
        {
            done = false;
        }

        return done;
    }

    private static void With(Func<string, int> fault, Action work)
    {
        FaultPoint.Before = fault;
        try
        {
            work();
        }
        finally
        {
            FaultPoint.Before = null;
        }
    }

    /// <summary>Asserts that all is as before, as soon as Linux has come to rest: it makes and forgets routes some time after addresses.</summary>
    private static void AwaitSame(string[] before, CarriedHost host, string when)
    {
        string[] now = host.Snapshot();
        for (Stopwatch waited = Stopwatch.StartNew(); !before.SequenceEqual(now) && waited.Elapsed < Patience; now = host.Snapshot())
        {
        }

        // A line may be there twice.
        static string[] Numbered(string[] lines)
            => [.. lines.GroupBy(line => line).SelectMany(same => same.Select((line, number) => number == 0 ? line : $"{line} (again, {number})"))];
        string[] old = Numbered(before);
        string[] found = Numbered(now);
        IEnumerable<string> changes = old.Except(found).Select(line => "- " + line).Concat(found.Except(old).Select(line => "+ " + line));
        Assert.True(before.SequenceEqual(now), $"{when}:\n{string.Join('\n', changes)}");
    }
}
