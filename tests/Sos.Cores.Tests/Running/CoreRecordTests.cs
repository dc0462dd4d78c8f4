using System;
using System.IO;
using System.Threading.Tasks;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Running;

/// <summary>Records outlive the program that wrote them, and are read by the next version after an upgrade: their names stay.</summary>
public sealed class CoreRecordTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-records-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static CoreRecord Record { get; } = new()
    {
        Cpu = 3,
        Plan = new ServicePlan { Image = "/a.sosimg" },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = DateTimeOffset.UnixEpoch,
        Cards = [new CardRecord("0000:00:03.0", "eth0", null, true) { Port = "wan" }],
    };

    [Fact]
    public void ACardIsReadAsItWasWritten()
    {
        Record.Write(_folder);
        Assert.Contains("\"address\": \"0000:00:03.0\"", File.ReadAllText(Path.Combine(_folder, "core-3.json")), StringComparison.Ordinal);
        Assert.Equal(Record.Cards, CoreRecord.Read(3, _folder)!.Cards);
    }

    /// <summary>Another program may stop the service while one looks: then there is no record, and no error.</summary>
    [Fact]
    public async Task ARecordThatGoesWhileItIsReadIsNone()
    {
        Task writer = Task.Run(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                Record.Write(_folder);
                CoreRecord.Delete(3, _folder);
            }
        });
        while (!writer.IsCompleted)
        {
            Assert.Equal("a", CoreRecord.Read(3, _folder)?.Service ?? "a");
        }

        await writer;
        Assert.Null(CoreRecord.Read(3, _folder));
        Assert.Null(CoreRecord.Read(3, Path.Combine(_folder, "nowhere")));
    }
}
