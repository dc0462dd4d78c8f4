using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using Sos.Cores.BackEnds;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Running;
using Sos.Linux;

namespace Sos.Cores.Isolation;

/// <summary>Cores that Linux keeps but that are fenced off; their services are processes.</summary>
public sealed class IsolatedBackEnd : ICoreBackEnd
{
    /// <inheritdoc/>
    public BackEndKind Kind => BackEndKind.Isolated;

    /// <inheritdoc/>
    public SosException? Obstacle => Libc.EffectiveUserId() == 0
        ? null
        : new SosException(SosError.NotPermitted, "fencing a cpu off is root's: run this as root ('sudo sosctl ...')");

    /// <inheritdoc/>
    public IReadOnlyList<int> ListCores() => FenceRecord.List();

    /// <inheritdoc/>
    public Reservation Reserve(int cpu, CoreOptions options, TimeSpan? lease)
    {
        long start = Stopwatch.GetTimestamp();
        using FileStream fences = Lock();
        if (FenceRecord.Read(cpu) is not null)
        {
            throw CoreRefusals.AlreadyReserved(cpu);
        }

        // Of a reservation that is over.
        LeaseRecord.Delete(cpu);
        List<string> notes = [];
        FenceRecord record = CpuFence.Build(cpu, notes);
        try
        {
            IsolatedCore.MakeFolder(record);
            FenceKeeper.Start();
            if (lease is { } length)
            {
                LeaseRecord.FromNow(length).Write(cpu);
                LeaseKeeper.Start(cpu);
            }
        }
        catch
        {
            CpuFence.Remove(record, notes);
            LeaseRecord.Delete(cpu);
            throw;
        }

        string method = record.Method switch
        {
            FenceMethod.Partition => "an isolated partition of cgroup v2",
            FenceMethod.Cpuset => "a cpuset of cgroup v1, and affinities",
            _ => "affinities",
        };
        return new Reservation((ulong)Stopwatch.GetElapsedTime(start).TotalNanoseconds, method, notes);
    }

    /// <inheritdoc/>
    public IServiceCore Open(int cpu)
        => FenceRecord.Read(cpu) is { } record ? new IsolatedCore(record) : throw CoreRefusals.NotReserved(cpu);

    /// <inheritdoc/>
    /// <remarks>An isolated core's lease has a keeper of its own; when that was killed, others do what is left to do.</remarks>
    public bool IsOverdue(int cpu)
        => !LeaseKeeper.IsThere(cpu) && LeaseRecord.Read(cpu) is { } lease && (lease.IsOver || lease.Left == TimeSpan.Zero);

    /// <inheritdoc/>
    public bool TryEndLease(int cpu) => LeaseKeeper.TryEnd(cpu);

    /// <inheritdoc/>
    public bool HadDevice(CardRecord card) => card.Netdev is not null;

    /// <inheritdoc/>
    public bool GiveBack(int cpu, CardRecord card, List<string> notes) => NetdevDevice.GiveBack(cpu, card, notes);

    /// <summary>One fence is built or taken down at a time, since each looks at all others.</summary>
    internal static FileStream Lock()
    {
        Directory.CreateDirectory(CoreRecord.DefaultFolder);
        string path = Path.Combine(CoreRecord.DefaultFolder, "fences.lock");
        for (Stopwatch waited = Stopwatch.StartNew(); ; System.Threading.Thread.Sleep(20))
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (waited.Elapsed.TotalSeconds < 30)
            {
                // Another sosctl is at it.
            }
        }
    }
}
