using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace Sos.Lab.Network;

/// <summary>
/// A network that exists only in namespaces: for each card of a machine one segment, with peers on it.
/// <code>
///   machine            switch namespace (QEMU runs in it)       peer namespaces
///   card 0 ── tap0 ──┐
///   10.77.0.2        br0 ──────────── veth ─────────────────── eth0  client   10.77.0.10
///                     └────────────── veth ─────────────────── eth0  attacker 10.77.0.11
///   card 1 ── tap1 ── br1 ...                                        10.77.1.x
/// </code>
/// IPv6 likewise: fd00:77:CARD::2 for the machine, fd00:77:CARD::a, ::b ... for the peers.
/// </summary>
public sealed class LabNetwork : IAsyncDisposable
{
    private const int FirstPeer = 10;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly List<LabPeer> _peers = [];
    private readonly string _name = RunId.Next();

    private LabNetwork(int segments, int queues)
    {
        Segments = segments;
        Queues = queues;
    }

    /// <summary>How many segments, hence cards.</summary>
    public int Segments { get; }

    /// <summary>Queue pairs that each tap has.</summary>
    public int Queues { get; }

    /// <summary>The namespace with bridges and taps. Whoever sends on a tap's device there sends straight to the card.</summary>
    public string SwitchNamespace => _name + "-switch";

    /// <summary>The peers so far.</summary>
    public IReadOnlyList<LabPeer> Peers => _peers;

    /// <summary>Makes a network; needs root.</summary>
    /// <param name="segments">Segments, one for each card of the machine.</param>
    /// <param name="queues">Queue pairs of each card; must equal the machine's option.</param>
    /// <exception cref="LabException">The host's kernel lacks something, or this is not root.</exception>
    public static async Task<LabNetwork> CreateAsync(int segments = 1, int queues = 1)
    {
        RunId.RemoveStale();
        LabNetwork network = new(segments, queues);
        try
        {
            await RunHostAsync("ip", "netns", "add", network.SwitchNamespace);
            for (int segment = 0; segment < segments; segment++)
            {
                await network.AddSegmentAsync(segment);
            }
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }

        return network;
    }

    /// <summary>The machine's address on a segment, without prefix length (which is 24).</summary>
    public static string MachineIPv4(int segment = 0) => $"10.77.{segment}.2";

    /// <summary>The machine's IPv6 address on a segment, without prefix length (which is 64).</summary>
    public static string MachineIPv6(int segment = 0) => $"fd00:77:{segment}::2";

    /// <summary>The hardware address of the machine's card on a segment.</summary>
    public static string MachineMac(int segment = 0) => $"52:54:00:77:{segment:x2}:02";

    /// <summary>The tap device of a segment, in <see cref="SwitchNamespace"/>.</summary>
    public static string Tap(int segment = 0) => $"tap{segment}";

    /// <summary>Adds a peer: a namespace with an address on a segment.</summary>
    /// <param name="name">A short name, unique in this network.</param>
    /// <param name="segment">The segment.</param>
    public async Task<LabPeer> AddPeerAsync(string name, int segment = 0)
    {
        int number = FirstPeer + _peers.Count(peer => peer.Segment == segment);
        LabPeer peer = new(name, $"{_name}-{name}", segment, $"10.77.{segment}.{number}", $"fd00:77:{segment}::{number:x}");
        _peers.Add(peer);
        string port = $"p{_peers.Count}";
        await RunHostAsync("ip", "netns", "add", peer.Namespace);
        await SettleAsync(peer.Namespace);
        await SwitchAsync("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", peer.Namespace);
        await SwitchAsync("link", "set", port, "master", $"br{segment}", "up");
        await peer.IpAsync("link", "set", "lo", "up");
        await peer.IpAsync("link", "set", "eth0", "up");
        await peer.IpAsync("addr", "add", peer.IPv4 + "/24", "dev", "eth0");
        await peer.IpAsync("-6", "addr", "add", peer.IPv6 + "/64", "dev", "eth0", "nodad");
        await BePatientAsync(peer.Namespace);
        return peer;
    }

    /// <summary>Runs <c>ip</c> in the switch namespace.</summary>
    public Task<CommandResult> SwitchAsync(params string[] arguments) =>
        RunHostAsync(["ip", "-n", SwitchNamespace, .. arguments]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (LabPeer peer in _peers)
        {
            await peer.StopAsync();
        }

        // A namespace takes its devices with it. One that was never made is not worth an exception here.
        foreach (string name in _peers.Select(peer => peer.Namespace).Append(SwitchNamespace))
        {
            _ = await HostProcess.RunAsync(["ip", "netns", "del", name], Limit);
        }
    }

    internal static async Task<CommandResult> RunHostAsync(params string[] command) =>
        (await HostProcess.RunAsync(command, Limit)).EnsureSuccess();

    // Addresses serve at once, and only packets that a scenario sends travel: no duplicate address detection, no router
    // solicitations.
    private static Task SettleAsync(string name) => RunHostAsync(
        "ip", "netns", "exec", name, "sh", "-c",
        "cd /proc/sys/net/ipv6/conf && for c in all default; do "
        + "echo 0 > $c/accept_dad; echo 0 > $c/accept_ra; echo 0 > $c/router_solicitations; done");

    // A peer asks for a neighbour each second for a minute, not for three seconds: an emulated machine may answer late on a busy host.
    private static Task BePatientAsync(string name) => RunHostAsync(
        "ip", "netns", "exec", name, "sh", "-c",
        "for f in /proc/sys/net/ipv[46]/neigh/eth0/[mu]cast_solicit; do echo 60 > $f; done");

    private async Task AddSegmentAsync(int segment)
    {
        await SettleAsync(SwitchNamespace);
        string bridge = $"br{segment}";
        await SwitchAsync("link", "add", bridge, "type", "bridge", "mcast_snooping", "0", "stp_state", "0");
        string[] queues = Queues > 1 ? ["multi_queue"] : [];
        await SwitchAsync(["tuntap", "add", "mode", "tap", "name", Tap(segment), "vnet_hdr", .. queues]);
        await SwitchAsync("link", "set", Tap(segment), "txqueuelen", "1000", "master", bridge, "up");
        await SwitchAsync("link", "set", bridge, "up");
    }
}
