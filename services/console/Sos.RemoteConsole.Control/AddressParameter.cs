using System;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Sos.RemoteConsole.Control;

/// <summary>Addresses as people write them, and as the console's parameters have them: 32 hexadecimal digits, "/" and the bits of the prefix.</summary>
internal static class AddressParameter
{
    private const int PrefixesMax = 16;
    private const int Ipv6Bits = 128;

    /// <summary>Reads one host's address.</summary>
    /// <returns>Null unless it is one, in the family.</returns>
    public static string? Host(string text, AddressFamily family)
        => IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == family && IsWhole(text, address) && IsHost(address)
            ? Write(address, Ipv6Bits)
            : null;

    /// <summary>Reads prefixes with commas between, such as "10.0.0.0/8,2001:db8::/32"; an address alone is one host.</summary>
    /// <returns>Null if one is none, or there are too many.</returns>
    public static string? Prefixes(string text)
    {
        string?[] all = [.. text.Split(',').Select(Prefix)];
        return all.Length > PrefixesMax || all.Any(prefix => prefix is null) ? null : string.Join(',', all);
    }

    /// <summary>Reads a link-layer address of one host.</summary>
    /// <returns>Null unless it is one.</returns>
    public static string? Mac(string text)
        => PhysicalAddress.TryParse(text.Replace(':', '-').ToUpperInvariant(), out PhysicalAddress? address)
            && address.GetAddressBytes() is { Length: 6 } bytes && (bytes[0] & 1) == 0 && bytes.Any(value => value != 0)
            ? Convert.ToHexStringLower(bytes)
            : null;

    private static string? Prefix(string text)
    {
        string[] parts = text.Split('/');
        if (parts.Length > 2 || !IPAddress.TryParse(parts[0], out IPAddress? address) || !IsWhole(parts[0], address))
        {
            return null;
        }

        int most = address.AddressFamily == AddressFamily.InterNetwork ? 32 : Ipv6Bits;
        int bits = most;
        bool isRead = parts.Length == 1
            || (int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out bits) && bits <= most);
        return isRead ? Write(address, bits + Ipv6Bits - most) : null;
    }

    // "10.1" is an address for some, 10.0.0.1; here it is a slip.
    private static bool IsWhole(string text, IPAddress address)
        => address.AddressFamily == AddressFamily.InterNetworkV6
            ? address.ScopeId == 0 && !text.Contains('%', StringComparison.Ordinal)
            : text.Count(character => character == '.') == 3;

    private static bool IsHost(IPAddress address)
    {
        byte first = address.GetAddressBytes()[0];
        return !IPAddress.IsLoopback(address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any)
            && (address.AddressFamily == AddressFamily.InterNetwork ? first is > 0 and < 224 : first != 0xff && !address.IsIPv4MappedToIPv6);
    }

    private static string Write(IPAddress address, int bits)
    {
        byte[] bytes = address.MapToIPv6().GetAddressBytes();
        return string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(bytes)}/{bits}");
    }
}
