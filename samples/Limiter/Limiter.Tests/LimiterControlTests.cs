using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Limiter.Control;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Image;
using Xunit;

namespace Limiter.Tests;

public class LimiterControlTests
{
    private static readonly ServicePlan Plan = new()
    {
        Image = typeof(LimiterControlTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "Image").Value!,
    };

    [Fact]
    public void TheVerifierTakesTheImageAndItStatesItsPorts()
    {
        ServiceImage image = VerifiedImage.Read(Plan.Image);
        Assert.Equal(LimiterCompanion.ServiceName, image.Descriptor.Name);
        Assert.Equal(["wan", "lan"], image.Ports.Wishes.Select(wish => wish.Name));
    }

    [Fact]
    public void TheTableIsBuiltFromTheOption()
    {
        using TemporaryFile file = new("10.0.0.1 5");
        LimiterCompanion companion = new();
        ServicePlan plan = Plan with { Options = new Dictionary<string, string> { ["limits"] = file.Path } };
        Assert.Null(companion.BuildTable(Request(Plan)));
        Assert.Equal(["10.0.0.1 5"], companion.BuildTable(Request(plan))!.Labels);
        Assert.Equal((ulong)LimitTable.SizeMax, companion.Configure(new ServiceConfiguration(), plan).TableSlotSize);
    }

    [Theory]
    [InlineData("burts", "5", "did you mean burst?")]
    [InlineData("burst", "0", "it takes a whole number from 1 to 65535")]
    public void AWrongParameterIsRefused(string name, string value, string reason)
    {
        CompanionCatalogue companions = new([new LimiterCompanion()]);
        SosException refused = Assert.Throws<SosException>(() => companions.Check(
            LimiterCompanion.ServiceName, Plan with { Parameters = new Dictionary<string, string> { [name] = value } }));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheVerbExplainsTheCounters()
    {
        LimiterDocument document = LimiterVerbs.Describe(View(LimiterCompanion.ServiceName));
        Assert.Equal(
            [new LimitCounterEntry("10.0.0.1", 5, 7, 8), new LimitCounterEntry("10.0.0.2", 6, 0, 9)],
            document.Entries);
        Assert.Throws<SosException>(() => LimiterVerbs.Describe(View("firewall")));
    }

    private static TableRequest Request(ServicePlan plan) => new(plan, [], _ => { }) { BackEnd = BackEndKind.Isolated };

    private static ServiceView View(string service) => new(
        3, BackEndKind.Isolated, new CoreStatus(CoreState.Running, 3, true, 0, 0, 1, 0, 0, 0, null),
        new CoreRecord
        {
            Cpu = 3,
            Plan = Plan,
            Service = service,
            Version = "1.0.0",
            BuildId = "",
            Started = DateTimeOffset.UnixEpoch,
            TableLabels = ["10.0.0.1 5", "10.0.0.2 6"],
        },
        1, 1, new Dictionary<string, ulong> { ["limit0.passed"] = 7, ["limit0.dropped"] = 8, ["limit1.dropped"] = 9 }, []);
}
