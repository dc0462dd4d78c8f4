using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.RemoteConsole.Linux;

/// <summary>
/// A page that a program of Linux writes while Linux lives: signs of life, and randomness. It is the service's first piece of shared memory. A service without
/// it, or with one that nobody writes, works as well.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct LinuxPage
{
    /// <summary>Bytes of the shared memory.</summary>
    public const ulong Size = 4096;

    /// <summary>Bytes of a seed.</summary>
    public const int SeedSize = 32;

    /// <summary>Written by Linux: signs of life so far. A release: what was written before is there.</summary>
    public ulong Beats;

    /// <summary>Written by Linux behind <see cref="Seed"/>: the seeds so far.</summary>
    public ulong Seeds;

    /// <summary>Written by the service: how many of them it has taken. Only then is the next one written.</summary>
    public ulong Taken;

    /// <summary>The last seed, until it is taken.</summary>
    public SeedBytes Seed;

    /// <summary>Bytes of a seed.</summary>
    [InlineArray(SeedSize)]
    public struct SeedBytes
    {
        private byte _first;
    }
}
