using System;
using System.IO;
using Sos.Cores.Isolation;
using Sos.Cores.Isolation.Network;
using Xunit;

namespace Sos.Cores.Tests.Native;

/// <summary>The records of the isolated back end that are one file each: read as they were written, and told of, or forgotten, when they are damaged.</summary>
public sealed class JsonFileTests : IDisposable
{
    private const int Cpu = 3;
    private static readonly DateTimeOffset Started = DateTimeOffset.UnixEpoch;
    private static readonly FenceRecord Fence = new() { Cpu = Cpu, Method = FenceMethod.Partition, Folder = "/dev/shm/x" };

    private readonly string _folder = Directory.CreateTempSubdirectory("sos-json").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WhatIsWrittenIsReadAgain()
    {
        FenceDrift drift = new(1, 2, 3, "a thread", Started, "a problem");
        drift.Write(Cpu, _folder);
        Assert.Equal(drift, FenceDrift.Read(Cpu, _folder));
        Assert.Equal(6ul, drift.Mended);

        Fence.Write(_folder);
        Assert.Equal((FenceMethod.Partition, "/dev/shm/x"), (FenceRecord.Read(Cpu, _folder)!.Method, FenceRecord.Read(Cpu, _folder)!.Folder));

        LeaseRecord lease = new(1000, 2000, IsOver: true);
        lease.Write(Cpu, _folder);
        Assert.Equal(lease, LeaseRecord.Read(Cpu, _folder));

        RunRecord run = new(4711, 1, 4712, 2, "other", null, null);
        run.Write(_folder);
        Assert.Equal((4711, 4712, "other"), (RunRecord.Read(_folder)!.Runner, RunRecord.Read(_folder)!.Keeper, RunRecord.Read(_folder)!.Scheduling));
    }

    [Fact]
    public void WhatIsNotThereIsNone()
    {
        Assert.Null(FenceRecord.Read(Cpu, _folder));
        Assert.Null(LeaseRecord.Read(Cpu, _folder));
        Assert.Null(RunRecord.Read(_folder));
        Assert.Equal(FenceDrift.None, FenceDrift.Read(Cpu, Path.Combine(_folder, "nowhere")));
        Assert.Equal(0ul, DeviceDrift.Read(Cpu, Started, _folder).Programs);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1]")]
    public void DamagedCountsAreForgottenAndADamagedRecordIsToldOfWithItsWayOut(string text)
    {
        new FenceDrift(1, 2, 3, "", Started, null).Write(Cpu, _folder);
        new DeviceDrift(Started, 2, 3, "", Started, null).Write(Cpu, _folder);
        Fence.Write(_folder);
        new LeaseRecord(1, 1, false).Write(Cpu, _folder);
        new RunRecord(1, 1, 1, 1, "other", null, null).Write(_folder);
        string[] files = Directory.GetFiles(_folder);
        Assert.Equal(5, files.Length);
        foreach (string file in files)
        {
            File.WriteAllText(file, text);
        }

        Assert.Equal(FenceDrift.None, FenceDrift.Read(Cpu, _folder));
        Assert.Equal(0ul, DeviceDrift.Read(Cpu, Started, _folder).Programs);
        AssertTold(() => FenceRecord.Read(Cpu, _folder), "a reboot puts all settings back");
        AssertTold(() => LeaseRecord.Read(Cpu, _folder), "'sosctl core release 3'");
        AssertTold(() => RunRecord.Read(_folder), "remove it");
    }

    private void AssertTold(Func<object?> read, string advice)
    {
        SosException damaged = Assert.Throws<SosException>(read);
        Assert.Equal(SosError.Failed, damaged.Error);
        Assert.StartsWith(_folder, damaged.Message, StringComparison.Ordinal);
        Assert.Contains(advice, damaged.Message, StringComparison.Ordinal);
    }
}
