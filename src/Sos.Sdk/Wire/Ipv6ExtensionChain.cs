using System;
using System.Buffers.Binary;

namespace Sos.Sdk.Wire;

/// <summary>The extension headers between an IPv6 header and what the packet carries (RFC 8200, 4).</summary>
public readonly record struct Ipv6ExtensionChain
{
    /// <summary>Headers at most: each of RFC 8200's kinds once, destination options twice, AH, and one to spare.</summary>
    public const int HeadersMax = 8;

    private const int FragmentHeaderSize = 8;

    /// <summary>Headers in the chain.</summary>
    public byte Count { get; init; }

    /// <summary>Bytes of the chain.</summary>
    public ushort Length { get; init; }

    /// <summary>The protocol behind the chain: the transport, ESP, or <see cref="IpProtocol.NoNextHeader"/>.</summary>
    public IpProtocol Protocol { get; init; }

    /// <summary>Which part of a packet it is; of a later part only the headers before the fragment header are in the chain.</summary>
    public FragmentInfo Fragment { get; init; }

    /// <summary>Walks the chain.</summary>
    /// <param name="payload">What follows the IPv6 header, to the end of the packet.</param>
    /// <param name="first">The IPv6 header's next header.</param>
    /// <param name="chain">The chain.</param>
    public static MalformedReason Parse(ReadOnlySpan<byte> payload, IpProtocol first, out Ipv6ExtensionChain chain)
    {
        IpProtocol next = first;
        int offset = 0;
        byte count = 0;
        FragmentInfo fragment = default;
        MalformedReason reason = MalformedReason.None;
        while (reason == MalformedReason.None && IsExtension(next) && !fragment.IsLater)
        {
            ReadOnlySpan<byte> rest = payload[offset..];
            reason = Check(rest, next, count);
            if (reason != MalformedReason.None)
            {
                break;
            }

            if (next == IpProtocol.Fragment)
            {
                ushort place = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
                fragment = new FragmentInfo((ushort)(place & 0xfff8), (place & 1) != 0, BinaryPrimitives.ReadUInt32BigEndian(rest[4..]));
                reason = fragment.Check(rest.Length - FragmentHeaderSize, 0);
            }

            offset += SizeOf(rest, next);
            next = (IpProtocol)rest[0];
            count++;
        }

        chain = new Ipv6ExtensionChain { Count = count, Length = (ushort)offset, Protocol = next, Fragment = fragment };
        return reason;
    }

    private static bool IsExtension(IpProtocol protocol)
        => protocol is IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.Fragment
            or IpProtocol.DestinationOptions or IpProtocol.Authentication;

    private static MalformedReason Check(ReadOnlySpan<byte> rest, IpProtocol kind, int position)
    {
        if (position == HeadersMax)
        {
            return MalformedReason.Ipv6ExtensionsExceeded;
        }

        if (kind == IpProtocol.HopByHop && position != 0)
        {
            return MalformedReason.Ipv6HopByHopNotFirst;
        }

        // Every extension header is 8 bytes at least.
        if (rest.Length < 8 || rest.Length < SizeOf(rest, kind))
        {
            return MalformedReason.Ipv6ExtensionTruncated;
        }

        return kind == IpProtocol.Routing && rest[2] == 0 ? MalformedReason.Ipv6RoutingType0 : MalformedReason.None;
    }

    // The length field counts 8 bytes, the first not included; AH counts 4 bytes, the first two not included (RFC 4302, 2.2).
    private static int SizeOf(ReadOnlySpan<byte> header, IpProtocol kind) => kind switch
    {
        IpProtocol.Fragment => FragmentHeaderSize,
        IpProtocol.Authentication => (header[1] + 2) * 4,
        _ => (header[1] + 1) * 8,
    };
}
