using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Net;

namespace Sos.Bench.Workloads;

/// <summary>The rules as text for nft.</summary>
internal static class NftText
{
    /// <summary>Drops the prefixes at the netdev hook's successor, prerouting; a set of hosts becomes a hash, else an interval tree.</summary>
    public static string Blocking(IReadOnlyList<Prefix> prefixes, bool hostsOnly)
        => "table ip bench {\n"
            + $"  set blocked {{ type ipv4_addr; {(hostsOnly ? string.Empty : "flags interval; auto-merge; ")}elements = {{ "
            + string.Join(", ", prefixes.Select(Format))
            + " } }\n"
            + "  chain input { type filter hook prerouting priority -300; policy accept; ip saddr @blocked counter drop; }\n}\n";

    /// <summary>The prefixes as linear rules for iptables-restore.</summary>
    public static string Linear(IReadOnlyList<Prefix> prefixes)
        => "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
            + string.Concat(prefixes.Select(prefix => $"-A PREROUTING -s {Format(prefix)} -j DROP\n"))
            + "COMMIT\n";

    /// <summary>A prefix as nft and iptables write it.</summary>
    public static string Format(Prefix prefix)
    {
        IPAddress address = new(BinaryPrimitives.ReverseEndianness(prefix.Address));
        return prefix.Length == 32 ? $"{address}" : $"{address}/{prefix.Length}";
    }
}
