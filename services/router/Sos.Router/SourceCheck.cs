using System;
using Sos.Router.Tables;

namespace Sos.Router;

/// <summary>Checks where an IPv4 packet says that it comes from.</summary>
public static unsafe class SourceCheck
{
    /// <summary>Whether a source passes rp_filter (RFC 3704): strict, the answer would leave where the packet came in; loose, there is a way at all.</summary>
    /// <param name="table">The table.</param>
    /// <param name="flags">What Linux has set for the interface that the packet came in by.</param>
    /// <param name="from">That interface.</param>
    /// <param name="sourceHop">The source's next hop.</param>
    /// <param name="byLinux">Whether the way back is Linux's, which then judges the packet.</param>
    public static bool PassesReversePath(in RouterTable table, InterfaceFlags flags, int from, uint sourceHop, out bool byLinux)
    {
        ulong action = NextHopResolver.ReadAction(in table, sourceHop);
        byLinux = NextHop.KindOf(action) == NextHopKind.Linux;
        bool strict = (flags & InterfaceFlags.ReversePathStrict) != 0;
        return NextHop.KindOf(action) switch
        {
            NextHopKind.Forward or NextHopKind.Connected => !strict || NextHop.InterfaceOf(action) == from,
            NextHopKind.Group => !strict || HasMemberAt(in table, action, from),
            _ => false,
        };
    }

    /// <summary>Whether a source is an address of this machine's own: who sends from one is Linux's to judge.</summary>
    public static bool IsOwn(in RouterTable table, uint source)
    {
        int bit = RouterHeader.OwnBit(source);
        return (table.Header->Own4[bit >> 6] >> (bit & 63) & 1) != 0
            && NextHop.KindOf(NextHopResolver.ReadAction(in table, Ipv4Routes.Lookup(in table, source))) == NextHopKind.Linux;
    }

    private static bool HasMemberAt(in RouterTable table, ulong group, int number)
    {
        uint first = NextHop.FirstMemberOf(group);
        uint count = Math.Min(NextHop.MemberCountOf(group), table.MemberCount - Math.Min(first, table.MemberCount));
        for (uint i = 0; i < count; i++)
        {
            if (NextHop.InterfaceOf(NextHopResolver.ReadAction(in table, table.Members[first + i].NextHop)) == number)
            {
                return true;
            }
        }

        return false;
    }
}
