using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;

namespace Sos.Firewall.Tracking;

/// <summary>
/// The two ends of a flow and its protocol, the same for packets of both directions: of two ends the lower one is the first, and of a query of ICMP
/// the end that asks.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FlowTuple
{
    /// <summary>Bytes of a tuple.</summary>
    public const int Size = 40;

    private const uint IsIpv6 = 1 << 8;
    private const uint IsAny = 1 << 9;

    /// <summary>Address of the first end; an IPv4 address in the lowest 32 bits.</summary>
    public Address128 First;

    /// <summary>Address of the second end.</summary>
    public Address128 Second;

    /// <summary>
    /// Port of the first end in the upper half, of the second in the lower. Of a query of ICMP its identifier, and below it the type and code that ask; of
    /// protocols without ports 0.
    /// </summary>
    public uint Ports;

    /// <summary>The protocol, and above it whether the flow is IPv6; 0 of no flow.</summary>
    public uint Kind;

    /// <summary>The transport protocol.</summary>
    public readonly IpProtocol Protocol => (IpProtocol)(byte)Kind;

    /// <summary>The IP version, 4 or 6.</summary>
    public readonly int Version => (Kind & IsIpv6) == 0 ? 4 : 6;

    /// <summary>Puts a tuple together.</summary>
    /// <param name="version">The IP version.</param>
    /// <param name="protocol">The protocol.</param>
    /// <param name="source">A packet's source.</param>
    /// <param name="destination">Its destination.</param>
    /// <param name="sourcePort">Its source port, or 0.</param>
    /// <param name="destinationPort">Its destination port, or 0.</param>
    /// <param name="tuple">The tuple.</param>
    /// <returns>Whether the packet comes from the second end.</returns>
    public static bool Make(
        int version, IpProtocol protocol, Address128 source, Address128 destination, ushort sourcePort, ushort destinationPort, out FlowTuple tuple)
    {
        bool isFromSecond = !source.IsAtMost(destination) || (IsSame(source, destination) && sourcePort > destinationPort);
        tuple.First = isFromSecond ? destination : source;
        tuple.Second = isFromSecond ? source : destination;
        tuple.Ports = isFromSecond ? ((uint)destinationPort << 16) | sourcePort : ((uint)sourcePort << 16) | destinationPort;
        tuple.Kind = (uint)protocol | IsAny | (version == 6 ? IsIpv6 : 0);
        return isFromSecond;
    }

    /// <summary>Puts the tuple of a query of ICMP together.</summary>
    /// <param name="version">The IP version.</param>
    /// <param name="protocol">ICMP or ICMPv6.</param>
    /// <param name="asking">The end that asks.</param>
    /// <param name="answering">The end that answers.</param>
    /// <param name="identifier">The query's identifier.</param>
    /// <param name="type">The type of message that asks.</param>
    /// <param name="code">The code of both messages.</param>
    public static FlowTuple MakeQuery(
        int version, IpProtocol protocol, Address128 asking, Address128 answering, ushort identifier, byte type, byte code) => new()
        {
            First = asking,
            Second = answering,
            Ports = ((uint)identifier << 16) | ((uint)type << 8) | code,
            Kind = (uint)protocol | IsAny | (version == 6 ? IsIpv6 : 0),
        };

    /// <summary>Puts together what the fragments of a packet have in common.</summary>
    /// <param name="version">The IP version.</param>
    /// <param name="protocol">The protocol; of IPv6 it does not count (RFC 8200, 4.5).</param>
    /// <param name="source">The packet's source.</param>
    /// <param name="destination">Its destination.</param>
    /// <param name="identification">Its identification.</param>
    public static FlowTuple MakeFragment(int version, IpProtocol protocol, Address128 source, Address128 destination, uint identification) => new()
    {
        First = source,
        Second = destination,
        Ports = identification,
        Kind = version == 6 ? IsAny | IsIpv6 : (uint)protocol | IsAny,
    };

    /// <summary>Whether two tuples name the same flow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Is(in FlowTuple other)
        => ((First.High ^ other.First.High) | (First.Low ^ other.First.Low) | (Second.High ^ other.Second.High) | (Second.Low ^ other.Second.Low)
            | (Ports ^ other.Ports) | (Kind ^ other.Kind)) == 0;

    private static bool IsSame(Address128 one, Address128 other) => one.High == other.High && one.Low == other.Low;
}
