using System;
using System.Collections.Generic;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Ctl.Commands;

/// <summary>
/// A core on which a measurement ends early when the user wants it: it asks again and again for what Linux counts, and after a signal that fails.
/// All else goes on, so that the core can be emptied.
/// </summary>
/// <param name="core">The core; stays the caller's.</param>
/// <param name="end">When it is to end.</param>
internal sealed class InterruptibleCore(IServiceCore core, CancellationToken end) : IServiceCore
{
    /// <inheritdoc/>
    public int Cpu => core.Cpu;

    /// <inheritdoc/>
    public BackEndKind BackEnd => core.BackEnd;

    /// <inheritdoc/>
    public int ChangeDescriptor => core.ChangeDescriptor;

    /// <inheritdoc/>
    public LinuxCounts GetLinuxCounts() => end.IsCancellationRequested
        ? throw new SosException(SosError.Failed, $"interrupted: nothing was measured; core {Cpu} is empty again")
        : core.GetLinuxCounts();

    /// <inheritdoc/>
    public CoreStatus GetStatus() => core.GetStatus();

    /// <inheritdoc/>
    public INetworkDevice FindDevice(string name, DeviceOptions options) => core.FindDevice(name, options);

    /// <inheritdoc/>
    public bool GiveBack(CardRecord card, List<string> notes) => core.GiveBack(card, notes);

    /// <inheritdoc/>
    public IServiceTarget BeginLoad(ServiceConfiguration configuration) => core.BeginLoad(configuration);

    /// <inheritdoc/>
    public MappedMemory Map(ulong offset, ulong size) => core.Map(offset, size);

    /// <inheritdoc/>
    public void Start(ulong entry, ulong stackTop, ulong argument, TimeSpan? watchdog) => core.Start(entry, stackTop, argument, watchdog);

    /// <inheritdoc/>
    public IProgramAccess OpenPrograms(CoreRecord record) => core.OpenPrograms(record);

    /// <inheritdoc/>
    public bool Stop(TimeSpan timeout) => core.Stop(timeout);

    /// <inheritdoc/>
    public bool Wait(TimeSpan timeout) => core.Wait(timeout);

    /// <inheritdoc/>
    public void Unload() => core.Unload();

    /// <inheritdoc/>
    public void SetLease(TimeSpan? length) => core.SetLease(length);

    /// <inheritdoc/>
    public ulong Release() => core.Release();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
