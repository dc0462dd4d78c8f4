using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation;
using Sos.Cores.Native;
using Sos.Cores.Offline;
using Sos.Cores.Running;
using Sos.Linux;

namespace Sos.Cores.Operations;

/// <summary>A back end, and why it was chosen.</summary>
/// <param name="BackEnd">The back end.</param>
/// <param name="Reason">In one sentence.</param>
public sealed record BackEndChoice(ICoreBackEnd BackEnd, string Reason)
{
    /// <summary>How a core that leaves Linux is to run.</summary>
    public CoreOptions Options { get; init; } = new();
}

/// <summary>The back ends of this machine, and which core belongs to which.</summary>
public sealed class CoreBackEnds
{
    /// <summary>Finds the back ends.</summary>
    public CoreBackEnds()
        : this([new OfflineBackEnd(), new IsolatedBackEnd()])
    {
    }

    /// <summary>Uses these.</summary>
    /// <param name="all">The back ends, the best first; one of each kind.</param>
    /// <param name="folder">Where the cores' records and locks are.</param>
    /// <param name="topology">The machine's cpus; null for those of this machine.</param>
    internal CoreBackEnds(IReadOnlyList<ICoreBackEnd> all, string folder = CoreRecord.DefaultFolder, CpuTopology? topology = null)
        => (All, Folder, Topology) = (all, folder, topology ?? new CpuTopology());

    /// <summary>All of them, the best first.</summary>
    public IReadOnlyList<ICoreBackEnd> All { get; }

    /// <summary>Where the cores' records and locks are.</summary>
    public string Folder { get; }

    /// <summary>The machine's cpus.</summary>
    public CpuTopology Topology { get; }

    /// <summary>Why no core can be unplugged now; null when one can, and where there is no back end for it.</summary>
    public SosException? UnpluggingObstacle => All.FirstOrDefault(backEnd => backEnd.Kind.LeavesLinux())?.Obstacle;

    /// <summary>The one of a kind.</summary>
    public ICoreBackEnd this[BackEndKind kind] => All.First(backEnd => backEnd.Kind == kind);

    /// <summary>The best that can be used, and why.</summary>
    /// <exception cref="SosException">None can.</exception>
    public BackEndChoice Choose()
    {
        SosException? obstacle = null;
        foreach (ICoreBackEnd backEnd in All)
        {
            if (backEnd.Obstacle is not { } found)
            {
                string why = obstacle is null ? "it is there, and nothing of Linux runs on its cores" : $"the offline one cannot be used: {obstacle.Message}";
                return new BackEndChoice(backEnd, why);
            }

            obstacle ??= found;
        }

        throw obstacle!;
    }

    /// <summary>Chooses a back end and says how its core is to run.</summary>
    /// <param name="kind">Which one; null for the best that can be used.</param>
    /// <param name="options">How a core that leaves Linux is to run.</param>
    /// <exception cref="SosException">None can be used, or the core would stay Linux's, whose the options are to fulfil.</exception>
    public BackEndChoice Choose(BackEndKind? kind, CoreOptions options)
    {
        BackEndChoice choice = kind is { } wanted ? new BackEndChoice(this[wanted], "") : Choose();
        if (!choice.BackEnd.Kind.LeavesLinux() && options != new CoreOptions())
        {
            throw new SosException(
                SosError.Usage, "--share-core, --performance and --resctrl-class are for cores that leave Linux: of an isolated one set the cpu's governor "
                    + "('cpupower') and write the cpu into 'cpus_list' of a resctrl group");
        }

        return choice with { Options = options };
    }

    /// <summary>All cores that SOS holds, by cpu.</summary>
    /// <remarks>A back end that cannot be used holds none.</remarks>
    public IReadOnlyDictionary<int, ICoreBackEnd> ListCores()
    {
        SortedDictionary<int, ICoreBackEnd> cores = [];
        foreach (ICoreBackEnd backEnd in All.Where(candidate => candidate.Obstacle is null))
        {
            foreach (int cpu in backEnd.ListCores())
            {
                cores.TryAdd(cpu, backEnd);
            }
        }

        return cores;
    }

    /// <summary>Whether SOS holds a cpu. Without the driver no core is unplugged.</summary>
    /// <exception cref="SosException">The driver is there, but cannot be asked.</exception>
    public bool Holds(int cpu)
    {
        if (ListCores().ContainsKey(cpu))
        {
            return true;
        }

        return UnpluggingObstacle is { } obstacle && File.Exists(SosDriver.DefaultPath) ? throw obstacle : false;
    }

    /// <summary>Opens a core, whatever keeps it.</summary>
    /// <exception cref="SosException">SOS does not hold it, or the caller may not ask.</exception>
    public IServiceCore Open(int cpu)
    {
        if (ListCores().TryGetValue(cpu, out ICoreBackEnd? backEnd))
        {
            return backEnd.Open(cpu);
        }

        // Without the driver it may be this that is missing: its advice names both ways.
        throw UnpluggingObstacle is { Error: SosError.NotPermitted } refused ? refused : CoreRefusals.NotReserved(cpu);
    }

    /// <summary>Gives back a device whose core is with Linux already.</summary>
    /// <inheritdoc cref="ICoreBackEnd.GiveBack"/>
    public bool GiveBack(int cpu, CardRecord card, List<string> notes)
        => All.First(backEnd => backEnd.HadDevice(card)).GiveBack(cpu, card, notes);

    /// <summary>Refuses when none can be used, so that a command that lists nothing says why.</summary>
    public void CheckUsable()
    {
        if (All.All(backEnd => backEnd.Obstacle is not null))
        {
            throw All[0].Obstacle!;
        }
    }

    /// <summary>Waits until one of several cores changes its state or is released.</summary>
    /// <param name="cores">The cores; with none, or none that tells of changes, it only waits.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <returns>Whether one did in time.</returns>
    public static unsafe bool WaitAny(ReadOnlySpan<ICoreReading> cores, TimeSpan timeout)
    {
        Span<Libc.PollDescriptor> descriptors = new Libc.PollDescriptor[cores.Length];
        for (int i = 0; i < cores.Length; i++)
        {
            descriptors[i] = new Libc.PollDescriptor { Descriptor = cores[i].ChangeDescriptor, Events = Libc.PollIn };
        }

        fixed (Libc.PollDescriptor* first = descriptors)
        {
            int ready = Libc.Poll(first, (nuint)descriptors.Length, (int)timeout.TotalMilliseconds);
            return ready >= 0 || Marshal.GetLastPInvokeError() == Errno.Interrupted
                ? ready > 0
                : throw Errno.ToException("waiting for cores", Marshal.GetLastPInvokeError(), null);
        }
    }
}
