namespace Sos.Firewall.Rules.Prefilter;

/// <summary>How many errors of ICMP Linux sends at most, whatever it refuses (icmp_msgs_per_sec and its kin in Linux's ip-sysctl).</summary>
/// <param name="PerSecond">Errors a second, to all peers together.</param>
/// <param name="Burst">How many it sends at once.</param>
/// <param name="PeerMicroseconds">The time for each error to one peer, or less.</param>
public sealed record AnswerLimit(uint PerSecond, uint Burst, uint PeerMicroseconds)
{
    /// <summary>Linux's own defaults. A peer of IPv6 behind a default route is answered sixteen times as often as the setting says.</summary>
    public static readonly AnswerLimit Default = new(1000, 50, 1_000_000 / 16);
}
