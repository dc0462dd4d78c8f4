using System;
using System.IO;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Xunit;

namespace Sos.Cores.Tests.Running;

/// <summary>Records outlive the program that wrote them, and are read by the next version after an upgrade: their names stay.</summary>
public sealed class CoreRecordTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-records-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ACardIsReadAsItWasWritten()
    {
        CoreRecord record = new()
        {
            Cpu = 3,
            Plan = new ServicePlan { Image = "/a.sosimg" },
            Service = "a",
            Version = "1.0.0",
            BuildId = "",
            Started = DateTimeOffset.UnixEpoch,
            Cards = [new CardRecord("0000:00:03.0", "eth0", null, true) { Port = "wan" }],
        };
        record.Write(_folder);
        Assert.Contains("\"address\": \"0000:00:03.0\"", File.ReadAllText(Path.Combine(_folder, "core-3.json")), StringComparison.Ordinal);
        Assert.Equal(record.Cards, CoreRecord.Read(3, _folder)!.Cards);
    }
}
