using System.Linq;
using System.Text.Json;
using Sos.Cores.Devices;

namespace Sos.Cores.Isolation.Network;

/// <summary>What a network device must get back beside its addresses.</summary>
/// <param name="Hidden">Its name while a service has it.</param>
/// <param name="CombinedQueues">Queues that send and receive; 0 for none.</param>
/// <param name="ReceiveQueues">Queues that receive only.</param>
/// <param name="Promiscuous">Whether it took all frames.</param>
/// <param name="AddressMode">How it makes its IPv6 link-local address, as ip says.</param>
/// <param name="Namespace">The network namespace in which it is: "net:[INODE]".</param>
public sealed record NetdevRecord(string Hidden, int CombinedQueues, int ReceiveQueues, bool Promiscuous, string AddressMode, string? Namespace = null);

/// <summary>Settings of a network device, as ip shows them.</summary>
internal static class IpLink
{
    /// <summary>Whether its frames are Ethernet's.</summary>
    public static bool IsEthernet(string name) => Read(name).GetProperty("link_type").GetString() == "ether";

    /// <summary>Whether it takes frames for others.</summary>
    public static bool IsPromiscuous(string name)
        => Read(name).GetProperty("flags").EnumerateArray().Any(flag => flag.GetString() == "PROMISC");

    /// <summary>Whether there is an XDP program before it.</summary>
    public static bool HasProgram(string name) => Read(name).TryGetProperty("xdp", out _);

    /// <summary>How it makes its IPv6 link-local address.</summary>
    public static string AddressMode(string name)
        => Read(name).TryGetProperty("inet6_addr_gen_mode", out JsonElement mode) ? mode.GetString() ?? "eui64" : "eui64";

    private static JsonElement Read(string name) => IpCommand.Query("-d", "link", "show", "dev", name)[0];
}
