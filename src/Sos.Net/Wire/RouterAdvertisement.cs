using System;
using System.Buffers.Binary;
using Sos.Sdk.Wire;

namespace Sos.Net.Wire;

/// <summary>A router advertisement, as far as it makes an address: its first prefix for autonomous configuration (RFC 4861, 4.2; RFC 4862, 5.5.3).</summary>
public readonly record struct RouterAdvertisement
{
    /// <summary>ICMPv6 type.</summary>
    public const byte Type = 134;

    /// <summary>ICMPv6 type of the message that asks for one.</summary>
    public const byte SolicitationType = 133;

    private const int SizeMin = 16;
    private const byte PrefixOption = 3;
    private const int PrefixOptionSize = 32;
    private const byte AutonomousBit = 0x40;
    private const int PrefixLength = 64; // what an interface identifier of 64 bits leaves: RFC 4862, 5.5.3 d

    /// <summary>Whether there is a prefix to make an address of.</summary>
    public bool HasPrefix { get; init; }

    /// <summary>The first 64 bits of such addresses.</summary>
    public ulong Prefix { get; init; }

    /// <summary>Seconds for which they are valid; all ones: for ever.</summary>
    public uint ValidSeconds { get; init; }

    /// <summary>Reads a message.</summary>
    /// <param name="message">The whole ICMPv6 message; its checksum is verified apart.</param>
    /// <param name="parsed">The message.</param>
    /// <returns>False when it is none, or an option's length is 0 or beyond it.</returns>
    public static bool TryParse(ReadOnlySpan<byte> message, out RouterAdvertisement parsed)
    {
        parsed = default;
        if (message.Length < SizeMin || message[0] != Type || message[1] != 0)
        {
            return false;
        }

        RouterAdvertisement found = default;
        ReadOnlySpan<byte> options = message[SizeMin..];
        while (!options.IsEmpty)
        {
            int length = options.Length < 2 ? 0 : options[1] * 8;
            if (length == 0 || length > options.Length)
            {
                return false;
            }

            if (options[0] == PrefixOption && length == PrefixOptionSize && !found.HasPrefix)
            {
                found = ReadPrefix(options);
            }

            options = options[length..];
        }

        parsed = found;
        return true;
    }

    private static RouterAdvertisement ReadPrefix(ReadOnlySpan<byte> option)
    {
        uint valid = BinaryPrimitives.ReadUInt32BigEndian(option[4..]);
        uint preferred = BinaryPrimitives.ReadUInt32BigEndian(option[8..]);
        Ipv6Address prefix = Ipv6Address.Read(option[16..]);
        bool usable = option[2] == PrefixLength
            && (option[3] & AutonomousBit) != 0
            && preferred <= valid
            && new IpAddress(new Ipv6Address(prefix.High, 1)).IsHost
            && prefix.High >> 54 != 0xfe80 >> 6; // link-local: RFC 4862, 5.5.3 b
        return new RouterAdvertisement { HasPrefix = usable, Prefix = usable ? prefix.High : 0, ValidSeconds = usable ? valid : 0 };
    }
}
