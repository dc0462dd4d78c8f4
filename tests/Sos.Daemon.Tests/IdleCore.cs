using System;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;

namespace Sos.Daemon.Tests;

/// <summary>A core that has a number, and nothing else.</summary>
internal sealed class IdleCore(int cpu) : ICoreReading
{
    public int Cpu => cpu;

    public BackEndKind BackEnd => BackEndKind.Isolated;

    public int ChangeDescriptor => -1;

    public CoreStatus GetStatus() => throw new NotSupportedException();

    public LinuxCounts GetLinuxCounts() => throw new NotSupportedException();

    public MappedMemory Map(ulong offset, ulong size) => throw new NotSupportedException();

    public bool Wait(TimeSpan timeout) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
