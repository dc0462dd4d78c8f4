using System;
using System.IO;
using Xunit;

namespace Sos.Cores.Tests;

public sealed class CpuTopologyTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sos-cpus-");

    public CpuTopologyTests()
    {
        Write("sys/devices/system/cpu/present", "0-3");
        Write("sys/devices/system/cpu/online", "0-2");
        for (int cpu = 1; cpu < 4; cpu++)
        {
            Write($"sys/devices/system/cpu/cpu{cpu}/online", cpu < 3 ? "1" : "0");
        }

        Write("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2");
        AddThread(100, "pinned (odd) name", "2", flags: 0x400000);
        AddThread(101, "ksoftirqd/2", "2", flags: 0x200000 | 0x40);
        AddThread(102, "free", "0-3", flags: 0);
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("0-2,5", new[] { 0, 1, 2, 5 })]
    [InlineData("7\n", new[] { 7 })]
    [InlineData("", new int[0])]
    public void ListsAreRead(string text, int[] expected) => Assert.Equal(expected, CpuTopology.ParseList(text));

    [Fact]
    public void PinnedUserThreadsAreFoundAndKernelThreadsAreNot()
    {
        PinnedThread thread = Assert.Single(Topology().FindPinnedThreads(2));
        Assert.Equal(100, thread.ThreadId);
        Assert.Empty(Topology().FindPinnedThreads(1));
    }

    [Theory]
    [InlineData(0, SosError.Refused)]
    [InlineData(2, SosError.Refused)]
    [InlineData(3, SosError.Refused)]
    [InlineData(9, SosError.NotFound)]
    public void CpusThatCannotBeTakenAreRefused(int cpu, SosError expected)
        => Assert.Equal(expected, Assert.Throws<SosException>(() => Topology().CheckReservable(cpu, force: false)).Error);

    [Fact]
    public void PinnedThreadsAreNamedAndForceOverridesThem()
    {
        SosException e = Assert.Throws<SosException>(() => Topology().CheckReservable(2, force: false));
        Assert.Contains("pinned (odd) name (100)", e.Message, StringComparison.Ordinal);
        Topology().CheckReservable(2, force: true);
    }

    [Fact]
    public void FreeCpuMayBeTaken() => Topology().CheckReservable(1, force: false);

    [Fact]
    public void LastCpuIsRefused()
    {
        Write("sys/devices/system/cpu/online", "1");
        Assert.Equal(SosError.Refused, Assert.Throws<SosException>(() => Topology().CheckReservable(1, force: true)).Error);
    }

    [Fact]
    public void SiblingsAreTold() => Assert.Equal([0], Topology().List()[2].Siblings);

    private CpuTopology Topology() => new(Path.Combine(_root.FullName, "sys"), Path.Combine(_root.FullName, "proc"));

    private void AddThread(int id, string name, string allowed, uint flags)
    {
        Write($"proc/{id}/task/{id}/status", $"Name:\t{name}\nCpus_allowed_list:\t{allowed}\n");
        Write($"proc/{id}/task/{id}/stat", $"{id} ({name}) S 1 1 1 0 -1 {flags} 0 0");
    }

    private void Write(string path, string text)
    {
        string full = Path.Combine(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
