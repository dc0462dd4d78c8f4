using System;
using Sos.Cores.Loading;
using Sos.Cores.Native;

namespace Sos.Cores.BackEnds;

/// <summary>A core that can be looked at and waited for, without changing anything.</summary>
public interface ICoreReading : IDisposable
{
    /// <summary>Logical id.</summary>
    int Cpu { get; }

    /// <summary>The kind of back end that keeps it.</summary>
    BackEndKind BackEnd { get; }

    /// <summary>A descriptor that becomes readable when the state changes, for poll(2); negative where there is none, so that one has to look.</summary>
    int ChangeDescriptor { get; }

    /// <summary>Reads the core's state.</summary>
    CoreStatus GetStatus();

    /// <summary>Reads Linux's counters of the cpu: nothing while it does not have it, little while it lets nothing run there.</summary>
    LinuxCounts GetLinuxCounts();

    /// <summary>Maps a region that the service shares.</summary>
    /// <param name="offset">Its offset, as <see cref="TargetRegion.MapOffset"/> said.</param>
    /// <param name="size">Bytes.</param>
    MappedMemory Map(ulong offset, ulong size);

    /// <summary>Waits for a change of state since the last <see cref="GetStatus"/> of this object.</summary>
    /// <returns>Whether one came in time.</returns>
    bool Wait(TimeSpan timeout);
}
