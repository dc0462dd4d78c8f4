using Sos.Sdk.Packets;

namespace Sos.Router;

/// <summary>The errors that a router answers with.</summary>
public static class RouterError
{
    /// <summary>No route leads there.</summary>
    public static IcmpErrorCode NoRoute => new(3, 0, 1, 0);

    /// <summary>The host cannot be reached, says a route.</summary>
    public static IcmpErrorCode Unreachable => new(3, 1, 1, 0);

    /// <summary>Forbidden by a route.</summary>
    public static IcmpErrorCode Prohibited => new(3, 13, 1, 1);

    /// <summary>The TTL or hop limit has come to its end.</summary>
    public static IcmpErrorCode Expired => new(11, 0, 3, 0);

    /// <summary>The packet is larger than the next link takes.</summary>
    public static IcmpErrorCode TooBig => new(3, 4, 2, 0);

    /// <summary>Whether the rate limit holds for an error: what tells a path's MTU is never held back (icmp_ratemask).</summary>
    public static bool IsLimited(IcmpErrorCode error) => error != TooBig;
}
