using System;
using System.Linq;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Native;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Firewall.Capture;

namespace Sos.Firewall.Control;

/// <summary>The memory in which the firewall of a core writes what its rules log, and the name of its port.</summary>
internal sealed class LogMemory : IDisposable
{
    private static readonly string[] Services = [FirewallCompanion.ServiceName, "guard"];

    private readonly IServiceCore _core;
    private readonly CoreRecord _record;
    private readonly MappedMemory _memory;

    private LogMemory(IServiceCore core, CoreRecord record, MappedMemory memory)
    {
        _core = core;
        _record = record;
        _memory = memory;
        Port = record.KnownPorts.SelectMany(port => port.Interfaces).FirstOrDefault() ?? "nic";
    }

    /// <summary>The port's name.</summary>
    public string Port { get; }

    /// <summary>Whether the service still runs that the memory is of.</summary>
    public bool IsRunning => _core.GetStatus().State == CoreState.Running && CoreRecord.Read(_core.Cpu)?.Started == _record.Started;

    /// <summary>Opens the memory of a core.</summary>
    /// <param name="cpu">The core.</param>
    /// <exception cref="SosException">It runs no firewall, or one without such memory.</exception>
    public static LogMemory Open(int cpu)
    {
        ServiceReadings readings = new(new CoreBackEnds());
        (IServiceCore Core, CoreRecord Record) found = Services.Select(service => readings.Find(service, cpu)).FirstOrDefault(one => one is not null)
            ?? throw new SosException(
                SosError.NotFound, $"core {cpu} runs no firewall: 'sosctl service start {cpu} firewall.sosimg --device DEVICE' starts one");
        try
        {
            return new LogMemory(found.Core, found.Record, Map(found.Core, found.Record));
        }
        catch
        {
            found.Core.Dispose();
            throw;
        }
    }

    /// <summary>Reads the lines, from the first that is kept.</summary>
    public unsafe LoggedLines Read() => new(_memory.Address + LogRing.Offset);

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _core.Dispose();
    }

    private static unsafe MappedMemory Map(IServiceCore core, CoreRecord record)
    {
        if (record.SharedMemory.Count > 0)
        {
            SharedMemoryRecord last = record.SharedMemory[^1];
            MappedMemory memory = core.Map(last.MapOffset, last.Size);
            if (memory.Size > LogRing.Offset && LoggedLines.IsLaidOut(memory.Address + LogRing.Offset, memory.Size - LogRing.Offset))
            {
                return memory;
            }

            memory.Dispose();
        }

        throw new SosException(
            SosError.Refused,
            $"the service on core {core.Cpu} has no memory for what rules log: build image and sosctl from the same version, and start it again");
    }
}
