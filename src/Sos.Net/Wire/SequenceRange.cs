namespace Sos.Net.Wire;

/// <summary>Bytes of a TCP stream, by their sequence numbers (RFC 9293, 3.4: arithmetic modulo 2^32).</summary>
/// <param name="Start">The first.</param>
/// <param name="End">The one behind the last.</param>
public readonly record struct SequenceRange(uint Start, uint End)
{
    /// <summary>Bytes of the range.</summary>
    public uint Length => End - Start;

    /// <summary>Whether <paramref name="a"/> comes before <paramref name="b"/>.</summary>
    public static bool Before(uint a, uint b) => (int)(a - b) < 0;

    /// <summary>The later of two numbers.</summary>
    public static uint Later(uint a, uint b) => Before(a, b) ? b : a;

    /// <summary>The earlier of two numbers.</summary>
    public static uint Earlier(uint a, uint b) => Before(a, b) ? a : b;
}
