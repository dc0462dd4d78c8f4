using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Firewall.Tables;

namespace Sos.Firewall;

/// <summary>The part of a packet that most rules look at, in 16 bytes: what classifiers and IPv4 sets work on.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct FlowKey
{
    /// <summary>Bytes of a key.</summary>
    public const int Size = 16;

    /// <summary>Set in <see cref="Meta"/> if the packet is IPv4; else both addresses are 0.</summary>
    public const uint HasIpv4 = 1 << 8;

    /// <summary>Set in <see cref="Meta"/> if the transport protocol is known; else it is 0.</summary>
    public const uint HasProtocol = 1 << 9;

    /// <summary>Set in <see cref="Meta"/> if there is a source port; else it is 0.</summary>
    public const uint HasSourcePort = 1 << 10;

    /// <summary>Set in <see cref="Meta"/> if there is a destination port; else it is 0.</summary>
    public const uint HasDestinationPort = 1 << 11;

    /// <summary>Never set in <see cref="Meta"/>: what asks for it matches nothing.</summary>
    public const uint Never = 1 << 15;

    /// <summary>IPv4 source address, host byte order.</summary>
    public uint Source;

    /// <summary>IPv4 destination address, host byte order.</summary>
    public uint Destination;

    /// <summary>Source port in the upper 16 bits, destination port in the lower.</summary>
    public uint Ports;

    /// <summary>Transport protocol in the lowest 8 bits, and the flags above.</summary>
    public uint Meta;

    /// <summary>The same part of a key that has all.</summary>
    public static FlowKey Of(in PacketKey key)
    {
        FlowKey flow = default;
        if (key.Has(Field.Ipv4Source))
        {
            flow.Source = key.Value(Field.Ipv4Source);
            flow.Destination = key.Value(Field.Ipv4Destination);
            flow.Meta = HasIpv4;
        }

        if (key.Has(Field.TransportProtocol))
        {
            flow.Meta |= HasProtocol | (byte)key.Value(Field.TransportProtocol);
        }

        if (key.Has(Field.SourcePort))
        {
            flow.Ports = key.Value(Field.SourcePort) << 16;
            flow.Meta |= HasSourcePort;
        }

        if (key.Has(Field.DestinationPort))
        {
            flow.Ports |= (ushort)key.Value(Field.DestinationPort);
            flow.Meta |= HasDestinationPort;
        }

        return flow;
    }

    /// <summary>Word 0 to 3 of the key, in the order of its fields.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Word(uint index) => Unsafe.Add(ref Unsafe.AsRef(in Source), index & 3);
}
