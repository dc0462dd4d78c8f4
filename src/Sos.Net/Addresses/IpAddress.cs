using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Net;

/// <summary>An IPv4 or IPv6 address; IPv4 is kept as the IPv4-mapped address of RFC 4291, 2.5.5.2.</summary>
public readonly struct IpAddress : IEquatable<IpAddress>
{
    private const ulong MappedPrefix = 0xffff_0000_0000;

    /// <summary>Makes an IPv6 address.</summary>
    public IpAddress(Ipv6Address value)
    {
        High = value.High;
        Low = value.Low;
    }

    private IpAddress(ulong high, ulong low)
    {
        High = high;
        Low = low;
    }

    /// <summary>The first 64 bits.</summary>
    public ulong High { get; }

    /// <summary>The last 64 bits.</summary>
    public ulong Low { get; }

    /// <summary>Whether it is an IPv4 address.</summary>
    public bool IsIpv4 => High == 0 && Low >> 32 == MappedPrefix >> 32;

    /// <summary>Whether it is the address that no host has: 0.0.0.0 or ::.</summary>
    public bool IsUnspecified => High == 0 && Low is 0 or MappedPrefix;

    /// <summary>The 32 bits of an IPv4 address.</summary>
    public uint Ipv4 => (uint)Low;

    /// <summary>The 128 bits.</summary>
    public Ipv6Address Ipv6 => new(High, Low);

    /// <summary>
    /// Whether one host can have it and send from it: no group, no broadcast, not unspecified, not loopback (RFC 1122, 3.2.1.3; RFC 4291, 2.7).
    /// </summary>
    public bool IsHost
    {
        get
        {
            if (!IsIpv4)
            {
                return High >> 56 != 0xff && (High != 0 || Low > 1);
            }

            uint first = Ipv4 >> 24;
            return first is not (0 or 127) && first < 224;
        }
    }

    /// <summary>Makes an IPv4 address.</summary>
    public static IpAddress FromIpv4(uint value) => new(0, MappedPrefix | value);

    /// <summary>Makes the first <paramref name="length"/> bits of an address, the rest zero.</summary>
    public IpAddress Mask(int length) => new(
        High & (length >= 64 ? ulong.MaxValue : length == 0 ? 0 : ulong.MaxValue << (64 - length)),
        Low & (length <= 64 ? 0 : ulong.MaxValue << (128 - length)));

    /// <summary>Whether two may well be one host's: the same IPv4 address, or one IPv6 network of 64 bits, in which a host takes any address.</summary>
    internal bool IsSameSource(IpAddress other) => IsIpv4 || other.IsIpv4 ? Equals(other) : High == other.High;

    /// <summary>Reads 16 bytes in network order.</summary>
    public static IpAddress Read(ReadOnlySpan<byte> bytes)
        => new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <inheritdoc/>
    public bool Equals(IpAddress other) => High == other.High && Low == other.Low;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is IpAddress other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => (High ^ Low).GetHashCode();

    /// <summary>Whether two are the same.</summary>
    public static bool operator ==(IpAddress left, IpAddress right) => left.Equals(right);

    /// <summary>Whether two differ.</summary>
    public static bool operator !=(IpAddress left, IpAddress right) => !left.Equals(right);
}
