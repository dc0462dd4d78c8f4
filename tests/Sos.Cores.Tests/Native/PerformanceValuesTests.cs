using System.Globalization;
using Xunit;

namespace Sos.Cores.Tests.Native;

/// <summary>The driver's values for the registers of a CPU's power management (kernel/performance_values.h), which no emulator has.</summary>
public class PerformanceValuesTests
{
    // Highest 0x30, guaranteed 0x20, most efficient 0x10, lowest 8: SDM vol. 3, 15.4.3.
    private const string Hwp = "sos_hwp_request(0x08102030ULL, 0x5500000000aa0808ULL, {0})";

    // Highest 0xa6, nominal 0x80: AMD's CPPC_CAP1.
    private const string Cppc = "sos_cppc_request(0xa6804010ULL, 0x00000000ff001010ULL, {0})";

    // Nominal ratio 24, turbo up to 36.
    private const string PerfCtl = "sos_perf_ctl(0x1800ULL, 36, 0x100000800ULL, {0})";

    [Theory]
    [InlineData(Hwp, "SOS_PERFORMANCE_MAX", 0x5500_0000_0000_3030)]
    [InlineData(Hwp, "SOS_PERFORMANCE_NOMINAL", 0x5500_0000_0000_3020)]
    [InlineData(Hwp, "SOS_PERFORMANCE_FIXED", 0x5500_0000_0020_2020)]
    [InlineData(Cppc, "SOS_PERFORMANCE_MAX", 0xa6a6)]
    [InlineData(Cppc, "SOS_PERFORMANCE_NOMINAL", 0x80a6)]
    [InlineData(Cppc, "SOS_PERFORMANCE_FIXED", 0x80_8080)]
    [InlineData(PerfCtl, "SOS_PERFORMANCE_MAX", 0x1_0000_2400)]
    [InlineData(PerfCtl, "SOS_PERFORMANCE_NOMINAL", 0x1_0000_1800)]
    [InlineData(PerfCtl, "SOS_PERFORMANCE_FIXED", 0x1_0000_1800)]
    public void RegistersGetWhatWasAskedFor(string call, string performance, long expected)
    {
        string program = "#include <stdio.h>\n#include \"../../performance_values.h\"\nint main(void) { printf(\"%llx\\n\", (unsigned long long)"
            + string.Format(CultureInfo.InvariantCulture, call, performance) + "); return 0; }";
        Assert.Equal([expected.ToString("x", CultureInfo.InvariantCulture)], DriverLayoutTests.RunC(program));
    }
}
