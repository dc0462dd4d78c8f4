namespace Sos.Bench.Service;

/// <summary>The state that the ports of the bench share.</summary>
internal unsafe struct ReplayState
{
    /// <summary>The trace.</summary>
    public byte* Trace;

    /// <summary>A byte for each packet of it.</summary>
    public byte* Verdicts;

    /// <summary>By buffer number: the packet of the trace that the buffer holds; kept while verdicts are recorded.</summary>
    public uint* Positions;

    /// <summary>Packets of the trace minus one.</summary>
    public uint Mask;

    /// <summary>The next packet.</summary>
    public uint Position;

    /// <summary>Packets that one call receives.</summary>
    public int BurstSize;

    /// <summary>Length of each frame.</summary>
    public int FrameLength;

    /// <summary>Whether verdicts are recorded.</summary>
    public bool Records;

    /// <summary>Packets that reached the host.</summary>
    public ulong Passed;
}
