using System;
using Microsoft.Win32.SafeHandles;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Cores.Services;

namespace Sos.Timer.Broker;

/// <summary>A timer service on a core.</summary>
public sealed class CoreTimerHost : ITimerHost
{
    private readonly IServiceCore _core;
    private readonly IProgramAccess? _access;
    private readonly CoreRecord _record;

    /// <summary>Attaches to a running timer service.</summary>
    /// <param name="core">The core; it stays the caller's.</param>
    /// <param name="record">What was started there.</param>
    /// <param name="access">The way to its programs, which stays the caller's; null to look only.</param>
    public CoreTimerHost(IServiceCore core, CoreRecord record, IProgramAccess? access = null)
    {
        _core = core;
        _access = access;
        _record = record;
        Admin = Map(0);
        using RunningService running = RunningService.Attach(core, record);
        TscKhz = running.TscKhz;
    }

    /// <inheritdoc/>
    public MappedMemory Admin { get; }

    /// <inheritdoc/>
    public ulong TscKhz { get; }

    /// <inheritdoc/>
    /// <remarks>A service that was started again in its place is another one.</remarks>
    public bool IsRunning => _core.GetStatus().State == CoreState.Running && CoreRecord.Read(_core.Cpu)?.Started == _record.Started;

    /// <inheritdoc/>
    public bool CanRevoke => Access.CanRevoke;

    private IProgramAccess Access => _access ?? throw new InvalidOperationException("this host was made to look only");

    /// <inheritdoc/>
    public MappedMemory MapArea(int client) => Map(client + 1);

    /// <inheritdoc/>
    public SafeFileHandle ExportArea(int client) => Access.Export(_record.SharedMemory[client + 1]);

    /// <inheritdoc/>
    public void BindEvent(int client, SafeFileHandle? eventFd) => Access.BindEvent((uint)client, eventFd);

    /// <inheritdoc/>
    public void Revoke(int client) => Access.Revoke(_record.SharedMemory[client + 1]);

    /// <inheritdoc/>
    public void Dispose() => Admin.Dispose();

    private MappedMemory Map(int index)
        => index < _record.SharedMemory.Count
            ? _core.Map(_record.SharedMemory[index].MapOffset, _record.SharedMemory[index].Size)
            : throw new SosException(SosError.NotFound, $"core {_core.Cpu} runs {_record.Service}, not the timer service as this program starts it");
}
