using Microsoft.Win32.SafeHandles;
using Sos.Cores;
using Sos.Cores.InProcess;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Sdk.Control;

namespace Sos.Timer.Broker;

/// <summary>A timer service in a process: the driver's part, clock and events, is played here.</summary>
public sealed unsafe class ProcessTimerHost : ITimerHost
{
    private readonly ProcessTarget _target;
    private readonly LoadedService _service;
    private readonly ClockKeeper _clock;
    private readonly MappedMemory _control;
    private readonly EventPump _events;

    /// <summary>Attaches to a service that was started.</summary>
    /// <param name="target">Where it runs; it stays the caller's.</param>
    /// <param name="service">The service.</param>
    public ProcessTimerHost(ProcessTarget target, LoadedService service)
    {
        _target = target;
        _service = service;
        _control = target.Map(service.Control);
        _clock = new ClockKeeper(target.Map(service.Control));
        Admin = target.Map(service.SharedMemory[0]);
        _events = new EventPump(target.ExportNotifier(), target.Map(service.Control));
    }

    /// <inheritdoc/>
    public MappedMemory Admin { get; }

    /// <inheritdoc/>
    public ulong TscKhz => Control->Clock.TscKhz;

    /// <inheritdoc/>
    public bool IsRunning => _target.GetStatus().State == CoreState.Running;

    /// <inheritdoc/>
    public bool CanRevoke => false;

    private ServiceControl* Control => (ServiceControl*)_control.Address;

    /// <inheritdoc/>
    public MappedMemory MapArea(int client) => _target.Map(_service.SharedMemory[client + 1]);

    /// <inheritdoc/>
    public SafeFileHandle ExportArea(int client) => _target.ExportRegion(_service.SharedMemory[client + 1]);

    /// <inheritdoc/>
    public void BindEvent(int client, SafeFileHandle? eventFd) => _events.Bind((uint)client, eventFd);

    /// <inheritdoc/>
    public void Revoke(int client)
    {
        // Memory that a process has mapped cannot be taken from it: the broker waits for its end.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _events.Dispose();
        _clock.Dispose();
        Admin.Dispose();
        _control.Dispose();
    }
}
