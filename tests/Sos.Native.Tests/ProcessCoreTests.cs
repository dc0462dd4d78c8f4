using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Cores.Reading;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.Native.Tests;

public class ProcessCoreTests
{
    private const uint PageFault = 14;
    private const uint InvalidOpcode = 6;
    private const ulong WriteByUser = 6; // SDM vol. 3, 4.7: W/R and U/S

    private static readonly ServiceConfiguration Small = new() { PacketMemorySize = 0, TableSlotSize = 0 };

    [Fact]
    public void Hello_Counts_Stops_Politely_And_Starts_Again()
    {
        using NativeService hello = new("Hello", Small);
        Assert.Equal(CoreState.Loaded, hello.Core.GetStatus().State);
        for (ulong start = 1; start <= 2; start++)
        {
            hello.Start();
            Assert.Equal(CoreState.Running, hello.Core.GetStatus().State);
            NativeService.Await(() => hello.Shared.State == ServiceState.Initialised, "not initialised");
            ulong polls = hello.Counter("hello.polls");
            NativeService.Await(() => hello.Counter("hello.polls") > polls, "the counter stands still");
            int process = hello.Core.ProcessId;
            Assert.True(hello.Core.Stop(TimeSpan.FromSeconds(60)));
            CoreStatus status = hello.Core.GetStatus();
            Assert.Equal((CoreState.Stopped, 0L, start), (status.State, status.ExitCode, status.Starts));
            Assert.False(Directory.Exists($"/proc/{process}"));
            Assert.False(hello.Core.Stop(TimeSpan.Zero));
        }
    }

    [Fact]
    public void A_Write_To_Null_Is_Recorded_With_Method_And_Line()
    {
        using NativeService service = Faulty(1, 0);
        service.Start();
        FaultReport report = service.AwaitFault();
        Assert.Equal((PageFault, WriteByUser, 0ul), (report.Fault.Vector, report.Fault.ErrorCode, report.Fault.Address));
        Assert.Contains("WriteTo", report.Place.Method);
        Assert.EndsWith("FaultyService.cs", report.Place.File);
        Assert.True(report.Place.Line > 0);
        Assert.Equal(1ul, service.Core.GetStatus().Faults);
    }

    [Fact]
    public void Code_Is_Write_Protected()
    {
        // The first page stays unmapped; code follows, and was executed when it is written to: the page is present (bit 0).
        ulong code = AddressSpace.Image + AddressSpace.PageSize;
        using NativeService service = Faulty(1, code);
        service.Start();
        FaultReport report = service.AwaitFault();
        Assert.Equal((PageFault, WriteByUser | 1, code), (report.Fault.Vector, report.Fault.ErrorCode, report.Fault.Address));
        Assert.Contains("WriteTo", report.Place.Method);
    }

    [Fact]
    public void An_Index_Out_Of_Range_Names_Its_Caller()
    {
        using NativeService service = Faulty(2, 8);
        service.Start();
        FaultReport report = service.AwaitFault();
        Assert.Equal(InvalidOpcode, report.Fault.Vector);
        Assert.Contains(report.Callers, caller => caller.Method!.Contains("Index", StringComparison.Ordinal));
    }

    [Fact]
    public void A_Trap_Of_The_Sdk_Has_Its_Code_As_Address()
    {
        using NativeService service = Faulty(3, 0);
        service.Start();
        FaultReport report = service.AwaitFault();
        Assert.Equal((PageFault, 0x800ul), (report.Fault.Vector, report.Fault.Address));
    }

    [Fact]
    public void An_Endless_Loop_Is_Stopped_By_Force()
    {
        using NativeService service = Faulty(4, 0);
        service.Start();
        NativeService.Await(() => service.Shared.State == ServiceState.Initialised, "not initialised");
        Assert.True(service.Core.Stop(TimeSpan.FromMilliseconds(50)));
        FaultReport report = service.AwaitFault();
        Assert.Equal(FaultRecord.ForcedVector, report.Fault.Vector);
    }

    [Fact]
    public void A_Stack_That_Is_Too_Small_Faults_Below_It()
    {
        using NativeService service = Faulty(1, 0);
        service.Start(stackBytes: 16);
        FaultReport report = service.AwaitFault();
        Assert.Equal(PageFault, report.Fault.Vector);
        Assert.InRange(report.Fault.Address, AddressSpace.Stack - AddressSpace.PageSize, AddressSpace.Stack - 1);
    }

    [Fact]
    public void Notifications_Are_Counted_And_The_Service_Goes_On()
    {
        using NativeService service = Faulty(5, 0);
        service.Start();
        NativeService.Await(() => service.Core.GetStatus().Notifications > 100, "no notifications");
        Assert.True(service.Core.Stop(TimeSpan.FromSeconds(60)));
        Assert.Equal(CoreState.Stopped, service.Core.GetStatus().State);
    }

    [Fact]
    public void Actions_Are_Refused_And_The_Service_Goes_On()
    {
        using NativeService service = Faulty(14, 0);
        service.Start();
        NativeService.Await(() => service.Core.GetStatus().Notifications > 100, "it did not go on");
        Assert.True(service.Core.Stop(TimeSpan.FromSeconds(60)));
        Assert.Equal(CoreState.Stopped, service.Core.GetStatus().State);
    }

    private static NativeService Faulty(int fault, ulong address) => new("Faulty", Small with
    {
        Parameters = new Dictionary<string, string> { ["fault"] = $"{fault}", ["address"] = $"{address}" },
    });
}
