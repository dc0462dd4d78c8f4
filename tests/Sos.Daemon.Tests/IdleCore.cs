using System;
using System.Collections.Generic;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Daemon.Tests;

/// <summary>A core that has a number, and nothing else.</summary>
internal sealed class IdleCore(int cpu) : IServiceCore
{
    public int Cpu => cpu;

    public BackEndKind BackEnd => BackEndKind.Isolated;

    public int ChangeDescriptor => -1;

    public CoreStatus GetStatus() => throw new NotSupportedException();

    public LinuxCounts GetLinuxCounts() => throw new NotSupportedException();

    public INetworkDevice FindDevice(string name, DeviceOptions options) => throw new NotSupportedException();

    public bool GiveBack(CardRecord card, List<string> notes) => throw new NotSupportedException();

    public IServiceTarget BeginLoad(ServiceConfiguration configuration) => throw new NotSupportedException();

    public MappedMemory Map(ulong offset, ulong size) => throw new NotSupportedException();

    public void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog) => throw new NotSupportedException();

    public IProgramAccess OpenPrograms(CoreRecord record) => throw new NotSupportedException();

    public bool Stop(TimeSpan timeout) => throw new NotSupportedException();

    public bool Wait(TimeSpan timeout) => throw new NotSupportedException();

    public void Unload() => throw new NotSupportedException();

    public void SetLease(TimeSpan? length) => throw new NotSupportedException();

    public ulong Release() => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
