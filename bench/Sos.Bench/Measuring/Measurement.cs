namespace Sos.Bench.Measuring;

/// <summary>The figures of one contender in one comparison.</summary>
/// <param name="Workload">Kind of the workload.</param>
/// <param name="Size">Prefixes or rules.</param>
/// <param name="Contender">Whose.</param>
/// <param name="Burst">Packets handed over together.</param>
/// <param name="FrameLength">Bytes of a frame.</param>
/// <param name="Total">Nanoseconds per packet, nothing subtracted.</param>
/// <param name="Harness">Nanoseconds per packet of what stands for the card.</param>
/// <param name="Net">Nanoseconds per packet, harness subtracted block by block.</param>
internal sealed record Measurement(
    string Workload, int Size, string Contender, int Burst, int FrameLength, Spread Total, Spread Harness, Spread Net)
{
    /// <summary>Packets a second and core, in millions, harness subtracted.</summary>
    public double MppsPerCore => Net.Median > 0 ? 1000 / Net.Median : 0;
}
