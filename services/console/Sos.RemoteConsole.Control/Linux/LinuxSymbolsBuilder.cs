using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>
/// Finds out where what lies in the memory of the running kernel, from what it tells of itself (BTF, kallsyms, VMCOREINFO), and tries it out on its memory:
/// what does not fit is refused now, while somebody can still be asked.
/// </summary>
internal static class LinuxSymbolsBuilder
{
    private const string TypesPath = "/sys/kernel/btf/vmlinux";
    private const string SymbolsPath = "/proc/kallsyms";
    private const string ResourcesPath = "/proc/iomem";
    private const string VersionPath = "/proc/version";
    private const string FirstTask = "swapper/0";
    private const ulong ImageBase = 0xffff_ffff_8000_0000;

    // Without KASLR: Documentation/arch/x86/x86_64/mm.rst, for 4 and 5 levels.
    private static readonly ulong[] PageOffsets = [0xffff_8880_0000_0000, 0xff11_0000_0000_0000];
    private static readonly ulong[] PageArrays = [0xffff_ea00_0000_0000, 0xffd4_0000_0000_0000];

    /// <summary>Values without which there is no view at all.</summary>
    private static readonly LinuxField[] Needed =
    [
        LinuxField.PageOffset, LinuxField.PhysBase, LinuxField.ImageStart, LinuxField.ImageEnd, LinuxField.PageTable, LinuxField.PageTableLevels,
        LinuxField.Banner, LinuxField.InitTask, LinuxField.TaskTasks, LinuxField.TaskPid, LinuxField.TaskName,
    ];

    /// <summary>Makes the request for the running kernel.</summary>
    /// <exception cref="SosException">This kernel does not tell enough of itself, or what it tells is not so.</exception>
    public static LinuxMemoryRequest ForRunningKernel()
    {
        using KernelCore core = KernelCore.Open();
        KernelDescription kernel = Describe(core.Information);
        Dictionary<LinuxField, long> values = Find(kernel);
        AddAddressSpace(values, kernel, core);
        if (OrcOrder.Find(values, kernel.Symbols, core.TryRead) is { } order)
        {
            values[LinuxField.OrcRegisters] = order;
        }

        if (Needed.FirstOrDefault(field => !values.ContainsKey(field), LinuxField.Count) is var missing and not LinuxField.Count)
        {
            throw new SosException(
                SosError.Refused,
                $"this kernel does not tell what {missing} is: the view of Linux needs one with CONFIG_KALLSYMS_ALL and CONFIG_DEBUG_INFO_BTF");
        }

        Check(values, core);
        return new LinuxMemoryRequest(
            LinuxSymbolsWriter.Write(values, kernel.Symbols.Functions), LinuxMemoryRequest.SizeFor(File.ReadAllText(ResourcesPath)));
    }

    /// <summary>Looks all values up that descriptions tell.</summary>
    internal static Dictionary<LinuxField, long> Find(KernelDescription kernel)
    {
        Dictionary<LinuxField, long> values = [];
        foreach ((LinuxField field, FieldSource source) in FieldSources.All)
        {
            if (source.Find(kernel) is { } value)
            {
                values[field] = value;
            }
        }

        return values;
    }

    private static KernelDescription Describe(VmCoreInfo? information)
    {
        if (!File.Exists(TypesPath))
        {
            throw new SosException(SosError.Refused, $"{TypesPath} is not there: the view of Linux needs a kernel with CONFIG_DEBUG_INFO_BTF");
        }

        KernelSymbols symbols;
        using (StreamReader reader = File.OpenText(SymbolsPath))
        {
            symbols = KernelSymbols.Read(reader);
        }

        if (!symbols.AreShown)
        {
            throw new SosException(SosError.Refused, $"{SymbolsPath} shows no addresses: be root, with 'sysctl kernel.kptr_restrict=1'");
        }

        try
        {
            return new KernelDescription(new BtfTypes(File.ReadAllBytes(TypesPath)), symbols, information);
        }
        catch (FormatException e)
        {
            throw new SosException(SosError.Refused, $"{TypesPath} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Adds what the kernel chose at boot: where the direct map, the image and the array of pages lie.</summary>
    private static void AddAddressSpace(Dictionary<LinuxField, long> values, KernelDescription kernel, KernelCore core)
    {
        bool hasFiveLevels = kernel.Information?.FindNumber("pgtable_l5_enabled") == 1;
        int index = hasFiveLevels ? 1 : 0;
        values[LinuxField.PageTableLevels] = hasFiveLevels ? 5 : 4;
        values[LinuxField.PageOffset] = (long)(ReadVariable("page_offset_base") ?? PageOffsets[index]);
        values[LinuxField.PageArray] = (long)(ReadVariable("vmemmap_base") ?? PageArrays[index]);
        if ((kernel.Information?.FindNumber("phys_base") ?? (long?)ReadVariable("phys_base")) is { } physBase)
        {
            values[LinuxField.PhysBase] = physBase;
        }

        ulong? ReadVariable(string name) => kernel.FindVariable(name) is { } address ? core.TryReadNumber(address) : null;
    }

    /// <summary>Tries the values out on the kernel's memory.</summary>
    private static void Check(Dictionary<LinuxField, long> values, KernelCore core)
    {
        ulong Value(LinuxField field) => (ulong)values[field];

        // The direct map is where the kernel says that its memory is, and its image where the direct map shows it again.
        ulong offset = Value(LinuxField.PageOffset);
        Require(core.Segments.Any(segment => segment.Address - segment.Physical == offset && segment.Address >= offset), "the direct map is elsewhere");
        ulong banner = Value(LinuxField.Banner);
        ulong direct = unchecked(banner - ImageBase + Value(LinuxField.PhysBase) + offset);
        string version = File.ReadAllText(VersionPath).TrimEnd();
        byte[]? text = core.TryRead(direct, version.Length);
        Require(text is not null && Encoding.UTF8.GetString(text) == version, "the kernel's version is not where it should be");

        ulong task = Value(LinuxField.InitTask);
        byte[]? name = core.TryRead(task + Value(LinuxField.TaskName), FirstTask.Length);
        Require(name is not null && Encoding.ASCII.GetString(name) == FirstTask, "the first task is not where it should be");
        ulong tasks = task + Value(LinuxField.TaskTasks);
        Require(
            core.TryReadNumber(tasks) is { } next && core.TryReadNumber(next) is not null && core.TryReadNumber(tasks + sizeof(ulong)) is { } last
                && core.TryReadNumber(last) == tasks,
            "the list of tasks is none");
    }

    private static void Require(bool isSo, string problem)
    {
        if (!isSo)
        {
            throw new SosException(
                SosError.Refused, $"what this kernel tells of itself is not so ({problem}): the service cannot be given a view of it; leave linux-memory away");
        }
    }
}
