using System;
using Microsoft.Win32.SafeHandles;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Cores.Services;

namespace Sos.Timer.Broker;

/// <summary>A timer service on a core, whatever keeps that: all that the broker needs of it.</summary>
public sealed class TimerHost : IDisposable
{
    private readonly ICoreReading _core;
    private readonly IProgramAccess? _access;
    private readonly CoreRecord _record;
    private readonly string _folder;

    /// <summary>Attaches to a running timer service.</summary>
    /// <param name="core">The core; it stays the caller's.</param>
    /// <param name="record">What was started there.</param>
    /// <param name="access">The way to its programs, which stays the caller's; null to look only.</param>
    /// <param name="folder">Where the core's record is.</param>
    public TimerHost(ICoreReading core, CoreRecord record, IProgramAccess? access = null, string folder = CoreRecord.DefaultFolder)
    {
        _core = core;
        _access = access;
        _record = record;
        _folder = folder;
        Admin = Map(0);
        using RunningService running = RunningService.Attach(core, record);
        TscKhz = running.TscKhz;
    }

    /// <summary>The memory between service and broker.</summary>
    public MappedMemory Admin { get; }

    /// <summary>Frequency of the TSC in kHz.</summary>
    public ulong TscKhz { get; }

    /// <summary>Whether the service runs.</summary>
    /// <remarks>A service that was started again in its place is another one.</remarks>
    public bool IsRunning => _core.GetStatus().State == CoreState.Running && CoreRecord.Read(_core.Cpu, _folder)?.Started == _record.Started;

    /// <summary>Whether <see cref="Revoke"/> takes mappings away; if not, an area is used again only when its client's process has ended.</summary>
    public bool CanRevoke => Access.CanRevoke;

    private IProgramAccess Access => _access ?? throw new InvalidOperationException("this host was made to look only");

    /// <summary>Maps a client's area.</summary>
    public MappedMemory MapArea(int client) => Map(client + 1);

    /// <summary>Makes a descriptor with which a client's area, and nothing else, can be mapped.</summary>
    public SafeFileHandle ExportArea(int client) => Access.Export(_record.SharedMemory[client + 1]);

    /// <summary>Binds an eventfd to a client's bit; null unbinds.</summary>
    public void BindEvent(int client, SafeFileHandle? eventFd) => Access.BindEvent((uint)client, eventFd);

    /// <summary>Takes an area away from whoever has it mapped.</summary>
    public void Revoke(int client) => Access.Revoke(_record.SharedMemory[client + 1]);

    /// <inheritdoc/>
    public void Dispose() => Admin.Dispose();

    private MappedMemory Map(int index)
        => index < _record.SharedMemory.Count
            ? _core.Map(_record.SharedMemory[index].MapOffset, _record.SharedMemory[index].Size)
            : throw new SosException(SosError.NotFound, $"core {_core.Cpu} runs {_record.Service}, not the timer service as this program starts it");
}
