namespace Sos.Firewall.Answers;

/// <summary>How a rule has a packet answered that it drops (<c>reject</c>).</summary>
/// <param name="Kind"><see cref="Reset"/> or <see cref="Error"/>.</param>
/// <param name="Codes">For an error the code of ICMP and, from bit 8 on, that of ICMPv6.</param>
public readonly record struct Rejection(uint Kind, uint Codes)
{
    /// <summary>With a reset; what is no TCP gets no answer.</summary>
    public const uint Reset = 1;

    /// <summary>With an error of the type "destination unreachable".</summary>
    public const uint Error = 2;

    /// <summary>The largest value of <see cref="Codes"/>.</summary>
    public const uint CodesMax = 0xffff;

    /// <summary>Whether it says one of the two.</summary>
    public bool IsValid => Kind is Reset or Error && Codes <= CodesMax;

    /// <summary>Makes one that answers with errors.</summary>
    /// <param name="code4">The code of ICMP (RFC 792, RFC 1812).</param>
    /// <param name="code6">The code of ICMPv6 (RFC 4443).</param>
    public static Rejection WithError(byte code4, byte code6) => new(Error, (uint)(code4 | (code6 << 8)));
}
