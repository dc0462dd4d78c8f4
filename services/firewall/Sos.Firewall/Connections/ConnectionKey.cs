using System.Runtime.CompilerServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Connections;

/// <summary>
/// The number by which a connection is known: the same for both of its directions. Different connections may share one, which only makes
/// a packet pass that need not.
/// </summary>
public static class ConnectionKey
{
    private const ulong Odd1 = 0x9e3779b97f4a7c15; // multipliers of SplitMix64, which mix well
    private const ulong Odd2 = 0xbf58476d1ce4e5b9;
    private const ulong Odd3 = 0x94d049bb133111eb;

    /// <summary>Makes the key of a connection.</summary>
    /// <param name="protocol">Its transport protocol.</param>
    /// <param name="source">One end's address; an IPv4 address in the lowest 32 bits.</param>
    /// <param name="sourcePort">Its port; for ICMP's queries their identifier, for protocols other than TCP and UDP 0.</param>
    /// <param name="destination">The other end's address.</param>
    /// <param name="destinationPort">Its port, as above.</param>
    public static ulong Of(byte protocol, Address128 source, ushort sourcePort, Address128 destination, ushort destinationPort)
        => Mix(End(source, sourcePort) + End(destination, destinationPort) + (protocol * Odd3));

    /// <summary>Whether a protocol's connections are known by ports.</summary>
    public static bool HasPorts(byte protocol) => (IpProtocol)protocol is IpProtocol.Tcp or IpProtocol.Udp;

    /// <summary>Whether a type of ICMP or ICMPv6 is an echo or its answer, whose connections are known by an identifier.</summary>
    public static bool IsEcho(byte protocol, byte type) => (IpProtocol)protocol == IpProtocol.Icmp ? type is 8 or 0 : type is 128 or 129;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong End(Address128 address, ushort port) => Mix((address.High * Odd1) ^ (address.Low * Odd2) ^ ((ulong)(port + 1) * Odd3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * Odd2;
        value = (value ^ (value >> 27)) * Odd3;
        return value ^ (value >> 31);
    }
}
