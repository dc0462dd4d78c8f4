using System;
using Sos.Sdk.Wire;

namespace Sos.Net.Wire;

/// <summary>A neighbour solicitation or advertisement (RFC 4861, 4.3 and 4.4).</summary>
public readonly record struct NeighborMessage
{
    /// <summary>ICMPv6 type of a solicitation.</summary>
    public const byte Solicitation = 135;

    /// <summary>ICMPv6 type of an advertisement.</summary>
    public const byte Advertisement = 136;

    /// <summary>Bytes without options.</summary>
    public const int SizeMin = 24;

    /// <summary>Bytes as <see cref="Write"/> makes them: with a link-layer address.</summary>
    public const int SizeMax = SizeMin + LinkOptionSize;

    private const int LinkOptionSize = 8;
    private const byte SourceLinkOption = 1;
    private const byte TargetLinkOption = 2;
    private const byte RouterBit = 0x80;
    private const byte SolicitedBit = 0x40;
    private const byte OverrideBit = 0x20;

    /// <summary>Which of the two.</summary>
    public byte Type { get; init; }

    /// <summary>The address that it is about.</summary>
    public Ipv6Address Target { get; init; }

    /// <summary>Whether an advertisement comes from a router: hosts forget a router that says otherwise (RFC 4861, 7.2.5).</summary>
    public bool IsRouter { get; init; }

    /// <summary>Whether an advertisement answers a solicitation.</summary>
    public bool Solicited { get; init; }

    /// <summary>Whether an advertisement replaces what was known.</summary>
    public bool Override { get; init; }

    /// <summary>Whether there is a link-layer address: of a solicitation's source, or an advertisement's target.</summary>
    public bool HasLink { get; init; }

    /// <summary>The link-layer address.</summary>
    public MacAddress Link { get; init; }

    /// <summary>Reads a message.</summary>
    /// <param name="message">The whole ICMPv6 message; its checksum is verified apart.</param>
    /// <param name="parsed">The message.</param>
    /// <returns>False when it breaks a rule of RFC 4861, 7.1 that can be seen in the message itself.</returns>
    public static bool TryParse(ReadOnlySpan<byte> message, out NeighborMessage parsed)
    {
        parsed = default;
        if (message.Length < SizeMin || message[0] is not (Solicitation or Advertisement) || message[1] != 0)
        {
            return false;
        }

        Ipv6Address target = Ipv6Address.Read(message[8..]);
        byte wanted = message[0] == Solicitation ? SourceLinkOption : TargetLinkOption;
        if (target.IsMulticast || !TryFindLink(message[SizeMin..], wanted, out bool hasLink, out MacAddress link))
        {
            return false;
        }

        parsed = new NeighborMessage
        {
            Type = message[0],
            Target = target,
            IsRouter = message[0] == Advertisement && (message[4] & RouterBit) != 0,
            Solicited = message[0] == Advertisement && (message[4] & SolicitedBit) != 0,
            Override = message[0] == Advertisement && (message[4] & OverrideBit) != 0,
            HasLink = hasLink,
            Link = link,
        };
        return true;
    }

    /// <summary>Writes the message with a zero checksum.</summary>
    /// <param name="bytes">At least <see cref="SizeMax"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public int Write(Span<byte> bytes)
    {
        int length = HasLink ? SizeMax : SizeMin;
        bytes[..length].Clear();
        bytes[0] = Type;
        bytes[4] = (byte)((IsRouter ? RouterBit : 0) | (Solicited ? SolicitedBit : 0) | (Override ? OverrideBit : 0));
        Target.Write(bytes[8..]);
        if (HasLink)
        {
            bytes[SizeMin] = Type == Solicitation ? SourceLinkOption : TargetLinkOption;
            bytes[SizeMin + 1] = 1;
            Link.Write(bytes[(SizeMin + 2)..]);
        }

        return length;
    }

    /// <summary>Walks options (RFC 4861, 4.6): each states its length in units of 8 bytes, and 0 is none.</summary>
    private static bool TryFindLink(ReadOnlySpan<byte> options, byte wanted, out bool found, out MacAddress link)
    {
        found = false;
        link = default;
        while (!options.IsEmpty)
        {
            int length = options.Length < 2 ? 0 : options[1] * 8;
            if (length == 0 || length > options.Length)
            {
                return false;
            }

            if (options[0] == wanted && length == LinkOptionSize)
            {
                found = true;
                link = MacAddress.Read(options[2..]);
            }

            options = options[length..];
        }

        return true;
    }
}
