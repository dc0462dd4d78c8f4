using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores.BackEnds;
using Sos.Cores.Running;

namespace Sos.Cores.InProcess;

/// <summary>How services run in processes of this program's own.</summary>
public sealed record ProcessOptions
{
    /// <summary>The runner program; null for the one that SOS_RUNNER names, that lies beside this program, or that is installed.</summary>
    public string? RunnerPath { get; init; }

    /// <summary>Whether a service is bound to its core's cpu; if not, the cpu's number is no more than the core's name.</summary>
    public bool Bind { get; init; } = true;

    /// <summary>Whether all memory is locked before the start (needs CAP_IPC_LOCK or a limit that allows it).</summary>
    public bool LockMemory { get; init; }
}

/// <summary>
/// Cores of this program's own. Nothing is taken from Linux, so that any cpu can be one, and nobody else sees them; they end with this, and with the
/// program.
/// </summary>
public sealed class ProcessBackEnd(ProcessOptions? options = null) : ICoreBackEnd, IDisposable
{
    private readonly SortedDictionary<int, ProcessCore> _cores = [];

    /// <inheritdoc/>
    public BackEndKind Kind => BackEndKind.Process;

    /// <inheritdoc/>
    public SosException? Obstacle
    {
        get
        {
            try
            {
                FindRunner();
                return null;
            }
            catch (SosException e)
            {
                return e;
            }
        }
    }

    internal ProcessOptions Options { get; } = options ?? new ProcessOptions();

    /// <inheritdoc/>
    public IReadOnlyList<int> ListCores()
    {
        lock (_cores)
        {
            return [.. _cores.Keys];
        }
    }

    /// <inheritdoc/>
    public Reservation Reserve(int cpu, CoreOptions options, TimeSpan? lease)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cpu);
        if (lease is not null)
        {
            throw NoLease();
        }

        lock (_cores)
        {
            return _cores.TryAdd(cpu, new ProcessCore(this, cpu))
                ? new Reservation(0, "a process of this program's", [])
                : throw CoreRefusals.AlreadyReserved(cpu);
        }
    }

    /// <summary>Opens a core that it holds.</summary>
    /// <exception cref="SosException">It does not.</exception>
    public ProcessCore Open(int cpu)
    {
        lock (_cores)
        {
            return _cores.TryGetValue(cpu, out ProcessCore? core) ? core : throw CoreRefusals.NotReserved(cpu);
        }
    }

    /// <inheritdoc/>
    IServiceCore ICoreBackEnd.Open(int cpu) => Open(cpu);

    /// <inheritdoc/>
    /// <remarks>There are no leases.</remarks>
    public bool IsOverdue(int cpu) => false;

    /// <inheritdoc/>
    public bool TryEndLease(int cpu) => false;

    /// <inheritdoc/>
    /// <remarks>No service in a process has one.</remarks>
    public bool HadDevice(CardRecord card) => false;

    /// <inheritdoc/>
    public bool GiveBack(int cpu, CardRecord card, List<string> notes) => true;

    /// <summary>Ends all cores, whatever runs there.</summary>
    public void Dispose()
    {
        foreach (int cpu in ListCores())
        {
            Open(cpu).End();
        }
    }

    internal static SosException NoLease() => new(
        SosError.Refused, "a core of a program's own has no lease, since it ends with the program: reserve one with 'sosctl core reserve CPU --lease TIME'");

    /// <summary>Finds the runner program.</summary>
    /// <exception cref="SosException">It is not there.</exception>
    internal string FindRunner() => Options.RunnerPath is not { } path ? RunnerProcess.Find()
        : File.Exists(path) ? path
        : throw new SosException(SosError.NotFound, $"there is no runner program {path}: build src/Sos.Runner");

    internal bool Has(ProcessCore core)
    {
        lock (_cores)
        {
            return _cores.GetValueOrDefault(core.Cpu) == core;
        }
    }

    internal void Forget(ProcessCore core)
    {
        lock (_cores)
        {
            if (_cores.GetValueOrDefault(core.Cpu) == core)
            {
                _cores.Remove(core.Cpu);
            }
        }
    }
}
