using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Abi;
using Sos.Cores.Offline;
using Xunit;

namespace Sos.Cores.Tests.Native;

/// <summary>The C# structs and request numbers against a C program that includes the uapi header.</summary>
public class DriverLayoutTests
{
    private static readonly (string C, Type Type, string[] Fields)[] Structs =
    [
        ("sos_info", typeof(SosInfo), ["abi_version", "core_count", "version", "cpus"]),
        ("sos_reserve", typeof(SosReserve), ["cpu", "flags", "core_fd", "performance", "duration_ns", "lease_ns", "clos", "siblings", "reserved"]),
        ("sos_open", typeof(SosOpen), ["cpu", "core_fd", "reserved"]),
        ("sos_release", typeof(SosRelease), ["duration_ns", "reserved"]),
        ("sos_lease", typeof(SosLease), ["duration_ns", "reserved"]),
        ("sos_region", typeof(SosRegion), ["kind", "prot", "flags", "device", "bar", "index", "va", "size", "mmap_offset", "reserved"]),
        ("sos_dma", typeof(SosDma), ["region", "count", "addresses", "device", "reserved0", "reserved"]),
        ("sos_device", typeof(SosDeviceClaim),
            ["domain", "bus", "devfn", "index", "vendor", "device", "iommu", "pad", "bars", "flags", "confinement", "reserved"]),
        ("sos_add_host_port", typeof(SosAddHostPort), ["name", "mac", "mtu", "slots", "region", "va", "ifindex", "pad", "size", "reserved"]),
        ("sos_start", typeof(SosStart), ["entry", "stack_top", "argument", "poll_bound_ns", "reserved"]),
        ("sos_stop", typeof(SosStop), ["timeout_ms", "pad"]),
        ("sos_export", typeof(SosExport), ["region", "flags", "fd", "pad"]),
        ("sos_revoke", typeof(SosRevoke), ["region", "pad"]),
        ("sos_bind_event", typeof(SosBindEvent), ["index", "fd", "reserved"]),
        ("sos_linux_counts", typeof(SosLinuxCounts),
            ["device_irqs", "timer_irqs", "resched_irqs", "call_irqs", "other_irqs", "softirqs", "idle_switches", "reserved"]),
        ("sos_attach", typeof(SosAttach), ["core_fd", "flags", "reserved"]),
        ("sos_config", typeof(SosConfig), ["device", "offset", "length", "reserved0", "data", "reserved"]),
        ("sos_get_linux_ranges", typeof(SosGetLinuxRanges), ["region", "count", "ranges", "panic", "reserved"]),
        ("sos_set_actions", typeof(SosSetActions), ["actions", "methods", "reserved"]),
        ("sos_fault", typeof(SosFault),
            ["vector", "ring", "error_code", "address", "tsc", "rip", "rsp", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "stack"]),
        ("sos_status", typeof(SosStatus),
            ["state", "cpu", "flags", "irq", "exit_code", "starts", "faults", "nmis", "notifications", "lease_ns", "lease_length_ns", "poll_bound_ns",
             "performance", "mechanism", "siblings", "cores", "reserved", "fault"]),
    ];

    private static readonly (string C, nuint Value)[] Requests =
    [
        ("SOS_IOC_GET_INFO", DriverRequest.GetInfo), ("SOS_IOC_RESERVE_CORE", DriverRequest.ReserveCore),
        ("SOS_IOC_OPEN_CORE", DriverRequest.OpenCore), ("SOS_IOC_RELEASE_CORE", DriverRequest.ReleaseCore),
        ("SOS_IOC_CLAIM_DEVICE", DriverRequest.ClaimDevice), ("SOS_IOC_ADD_REGION", DriverRequest.AddRegion),
        ("SOS_IOC_GET_DMA", DriverRequest.GetDma), ("SOS_IOC_ADD_HOST_PORT", DriverRequest.AddHostPort),
        ("SOS_IOC_START", DriverRequest.Start), ("SOS_IOC_STOP", DriverRequest.Stop),
        ("SOS_IOC_GET_STATUS", DriverRequest.GetStatus), ("SOS_IOC_UNLOAD", DriverRequest.Unload),
        ("SOS_IOC_EXPORT_REGION", DriverRequest.ExportRegion), ("SOS_IOC_REVOKE_REGION", DriverRequest.RevokeRegion),
        ("SOS_IOC_BIND_EVENT", DriverRequest.BindEvent), ("SOS_IOC_GET_LINUX_COUNTS", DriverRequest.GetLinuxCounts),
        ("SOS_IOC_SET_LEASE", DriverRequest.SetLease),
        ("SOS_IOC_READ_CONFIG", DriverRequest.ReadConfig), ("SOS_IOC_ATTACH", DriverRequest.Attach),
        ("SOS_IOC_SET_LEASE", DriverRequest.SetLease), ("SOS_IOC_GET_LINUX_RANGES", DriverRequest.GetLinuxRanges),
        ("SOS_IOC_SET_ACTIONS", DriverRequest.SetActions),
    ];

    [Fact]
    public void StructsAndRequestsAreThoseOfTheHeader()
    {
        List<string> own = [];
        StringBuilder program = new("#include <stddef.h>\n#include <stdio.h>\n#include \"sos.h\"\nint main(void) {\n");
        foreach ((string c, Type type, string[] fields) in Structs)
        {
            program.AppendLine($"printf(\"{c} %zu\\n\", sizeof(struct {c}));");
            own.Add($"{c} {Marshal.SizeOf(type)}");
            foreach (string field in fields)
            {
                program.AppendLine($"printf(\"{c}.{field} %zu\\n\", offsetof(struct {c}, {field}));");
                own.Add($"{c}.{field} {Marshal.OffsetOf(type, ToPascal(field))}");
            }
        }

        foreach ((string c, nuint value) in Requests)
        {
            program.AppendLine($"printf(\"{c} %lu\\n\", (unsigned long)({c}));");
            own.Add($"{c} {value}");
        }

        program.AppendLine("return 0; }");
        Assert.Equal(RunC(program.ToString()), own);
    }

    private static string ToPascal(string field) => string.Concat(field.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));

    internal static List<string> RunC(string program, [CallerFilePath] string here = "")
    {
        string header = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../kernel/include/uapi"));
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-abi-");
        try
        {
            string source = Path.Combine(folder.FullName, "abi.c");
            string binary = Path.Combine(folder.FullName, "abi");
            File.WriteAllText(source, program);
            Run("cc", "-I", header, "-o", binary, source);
            return [.. Run(binary).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Run(string file, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
