using System;

namespace Sos.Net;

/// <summary>
/// Addresses with the same first bits. As a parameter of a service it is 32 hexadecimal digits, "/", and the number of bits from 0 to 128;
/// IPv4 is written as its mapped address, so that 10.0.0.0/8 is 00000000000000000000ffff0a000000/104.
/// </summary>
/// <param name="address">An address of it; bits behind the prefix may be set.</param>
/// <param name="length">Bits, 0 to 128.</param>
public readonly struct IpPrefix(IpAddress address, int length)
{
    private const int HexDigits = 32;

    /// <summary>The address as it was given, all bits of it.</summary>
    public IpAddress Address { get; } = address;

    /// <summary>Bits of the prefix.</summary>
    public int Length { get; } = length;

    /// <summary>Whether an address is of this prefix.</summary>
    public bool Contains(IpAddress candidate) => candidate.Mask(Length) == Address.Mask(Length);

    /// <summary>Reads a prefix.</summary>
    /// <returns>False unless the text is a prefix and nothing else.</returns>
    public static bool TryParse(ReadOnlySpan<byte> text, out IpPrefix prefix)
    {
        prefix = default;
        Span<byte> bytes = stackalloc byte[HexDigits / 2];
        if (text.Length is < HexDigits + 2 or > HexDigits + 4 || text[HexDigits] != (byte)'/' || !TryReadHex(text[..HexDigits], bytes))
        {
            return false;
        }

        int length = 0;
        foreach (byte character in text[(HexDigits + 1)..])
        {
            int digit = character - '0';
            if ((uint)digit > 9)
            {
                return false;
            }

            length = (length * 10) + digit;
        }

        prefix = new IpPrefix(IpAddress.Read(bytes), length);
        return length <= 128;
    }

    /// <summary>Reads hexadecimal digits, two a byte.</summary>
    /// <param name="text">Twice as many digits as there are bytes.</param>
    /// <param name="bytes">Where they go.</param>
    /// <returns>False when one is no digit, or their number is another.</returns>
    public static bool TryReadHex(ReadOnlySpan<byte> text, Span<byte> bytes)
    {
        if (text.Length != 2 * bytes.Length)
        {
            return false;
        }

        for (int i = 0; i < bytes.Length; i++)
        {
            int high = Digit(text[2 * i]);
            int low = Digit(text[(2 * i) + 1]);
            if ((high | low) < 0)
            {
                return false;
            }

            bytes[i] = (byte)((high << 4) | low);
        }

        return true;
    }

    private static int Digit(byte character) => character switch
    {
        >= (byte)'0' and <= (byte)'9' => character - '0',
        >= (byte)'a' and <= (byte)'f' => character - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => character - 'A' + 10,
        _ => -1,
    };
}
