using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;

namespace Sos.Lab.Guest;

/// <summary>A file of the host that the guest is to have.</summary>
/// <param name="HostPath">Where it is on the host.</param>
/// <param name="GuestPath">Where the guest sees it, absolute.</param>
public sealed record GuestFile(string HostPath, string GuestPath);

/// <summary>Builds the guest's initramfs: busybox, tools with their libraries, modules, driver, control plane, agent.</summary>
internal sealed class GuestImage
{
    private const int Executable = 0x1ED; // 0755
    private const int Plain = 0x1A4; // 0644
    private const int Secret = 0x180; // 0600

    /// <summary>
    /// The programs that the guest has beside busybox. dropbear is there for ssh, bash, curl and tcpdump for people. dash is the guest's sh:
    /// that of busybox prefers its own applets to programs in the PATH, such as its small ip.
    /// </summary>
    private static readonly string[] Tools =
    [
        "dash", "bash", "nft", "ip", "tc", "ss", "bridge", "ethtool", "iperf3", "curl", "tcpdump", "dropbear", "dropbearkey",
        "taskset", "chrt",
    ];

    private static readonly string[] Modules =
    [
        "crc32*", // libcrc32c, hence nf_tables and ext4, asks the crypto layer for them
        "virtio_blk", "ext4",
        "virtio_pci", "virtio_console", "virtio_rng", "virtio_net", "vfio_pci", "msr", "cpuid",
        "nf_tables", "nft_*", "nf_conntrack", "nf_nat", "nf_reject_*", "nf_log_syslog",
        "tun", "veth", "bridge", "bonding", "vrf", "8021q", "macvlan", "dummy", "af_packet_diag", "sch_*", "cls_*", "act_gact",
        "xt_*", "ip_tables", "ip6_tables", "iptable_filter", "ip_set", "ip_set_hash_ip", "ip_set_hash_net",
    ];

    private readonly GuestKernel _kernel;
    private readonly SortedDictionary<string, (string? HostPath, byte[]? Content, int Mode)> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _links = [];

    private GuestImage(GuestKernel kernel) => _kernel = kernel;

    /// <summary>Writes the initramfs of one machine.</summary>
    /// <param name="kernel">Its kernel.</param>
    /// <param name="extra">Further files.</param>
    /// <param name="path">Where to write it.</param>
    public static async Task WriteAsync(GuestKernel kernel, IReadOnlyList<GuestFile> extra, string path)
    {
        GuestImage image = new(kernel);
        image.AddBase();
        await image.AddModulesAsync();
        image.AddProduct();
        foreach (GuestFile file in extra)
        {
            image.AddFile(file.HostPath, file.GuestPath);
        }

        await image.AddProgramsAsync();
        image.Write(path);
    }

    private void AddBase()
    {
        AddFile("/bin/busybox", "/usr/bin/busybox");
        AddFile(Path.Combine(LabPaths.Repository, "lab", "guest", "init"), "/init");
        AddFile(Path.Combine(LabPaths.Repository, "lab", "guest", "profile"), "/etc/profile", Plain);
        AddText("/etc/passwd", "root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
        AddText("/etc/group", "root:x:0:\nnogroup:x:65534:\n");
        AddText("/etc/shells", "/bin/sh\n");
        AddText("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 sos\n");
        AddText("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
        AddFile("/etc/protocols", "/etc/protocols", Plain, optional: true);
        AddFile("/etc/services", "/etc/services", Plain, optional: true);
        foreach ((string link, string target) in (ReadOnlySpan<(string, string)>)
            [
                ("/bin", "usr/bin"), ("/sbin", "usr/sbin"), ("/lib", "usr/lib"), ("/lib64", "usr/lib64"), ("/var/run", "/run"),
                ("/usr/bin/sh", "dash"),
                ("/usr/sbin/modprobe", "../bin/busybox"), // the kernel calls it by this path
            ])
        {
            _links[link] = target;
        }
    }

    private async Task AddModulesAsync()
    {
        IReadOnlyList<(string Path, string File)> modules = await _kernel.ResolveModulesAsync(Modules);
        string folder = $"/usr/lib/modules/{_kernel.Release}";
        foreach ((string path, string file) in modules)
        {
            AddFile(file, $"{folder}/{path}", Plain);
        }

        string driver = LabPaths.Driver(_kernel.Series);
        bool hasDriver = File.Exists(driver);
        if (hasDriver)
        {
            AddFile(driver, $"{folder}/extra/sos.ko", Plain);
        }

        foreach ((string name, string content) in _kernel.ModuleLists(modules.Select(module => module.Path).ToList()))
        {
            AddText($"{folder}/{name}", name == "modules.dep" && hasDriver ? content + "extra/sos.ko:\n" : content);
        }
    }

    // Everything below artifacts/guest/root lies at the same place in the guest: sosctl, service images, test programs.
    private void AddProduct()
    {
        AddFile(Path.Combine(LabPaths.Guest, "agent", "Sos.Lab.Agent"), "/usr/sbin/sos-lab-agent");
        string root = Path.Combine(LabPaths.Guest, "root");
        if (!Directory.Exists(root))
        {
            return;
        }

        foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
        {
            AddFile(file, "/" + Path.GetRelativePath(root, file));
        }
    }

    private async Task AddProgramsAsync()
    {
        List<string> programs = Tools.Select(FindTool).ToList();
        foreach (string program in programs)
        {
            AddFile(program, program.StartsWith("/usr/", StringComparison.Ordinal) ? program : "/usr" + program);
        }

        // Programs of ours have libraries too; ldd says "not a dynamic executable" for scripts, modules and static programs.
        string[] elf = _files.Values.Select(file => file.HostPath).OfType<string>()
            .Where(file => !file.EndsWith(".ko", StringComparison.Ordinal) && IsElf(file)).ToArray();
        CommandResult libraries = await HostProcess.RunAsync(["ldd", .. elf], TimeSpan.FromSeconds(30));
        foreach (string line in libraries.Output.Split('\n'))
        {
            string? library = line.Split(' ', StringSplitOptions.TrimEntries)
                .FirstOrDefault(word => word.Trim().StartsWith('/') && !word.EndsWith(':'))?.Trim();
            if (library is not null && File.Exists(library))
            {
                AddFile(library, library.StartsWith("/usr/", StringComparison.Ordinal) ? library : "/usr" + library);
            }
        }
    }

    private static bool IsElf(string path)
    {
        using FileStream stream = File.OpenRead(path);
        Span<byte> magic = stackalloc byte[4];
        return stream.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == magic.Length
            && magic.SequenceEqual("\u007fELF"u8);
    }

    private static string FindTool(string name)
    {
        foreach (string folder in (string[])["/usr/sbin", "/usr/bin", "/sbin", "/bin"])
        {
            string path = Path.Combine(folder, name);
            if (File.Exists(path))
            {
                return path;
            }
        }

        throw new LabException($"the guest needs '{name}', which this machine lacks: run eng/setup.sh");
    }

    private void AddText(string path, string text) => _files[path] = (null, Encoding.UTF8.GetBytes(text), Plain);

    private void AddFile(string hostPath, string guestPath, int? mode = null, bool optional = false)
    {
        if (File.Exists(hostPath))
        {
            bool secret = (File.GetUnixFileMode(hostPath) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)) == 0;
            _files[UnderUsr(guestPath)] = (hostPath, null, mode ?? (secret ? Secret : Executable));
        }
        else if (!optional)
        {
            throw new LabException($"{hostPath} is missing: run 'make guest'");
        }
    }

    // /bin, /sbin, /lib and /lib64 are links into /usr in the guest, as on Debian.
    private static string UnderUsr(string path) =>
        path.Split('/', 3) is ["", "bin" or "sbin" or "lib" or "lib64", _] ? "/usr" + path : path;

    private void Write(string path)
    {
        using FileStream stream = new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);
        CpioWriter cpio = new(stream);
        HashSet<string> folders = [];
        foreach (string folder in (string[])["/dev", "/proc", "/sys", "/run", "/tmp", "/var", "/root", "/mnt", "/usr/local/bin"])
        {
            AddFolders(cpio, folders, folder);
        }

        foreach ((string link, string target) in _links)
        {
            AddFolders(cpio, folders, Path.GetDirectoryName(link)!);
            cpio.AddLink(link, target);
        }

        foreach ((string name, (string? hostPath, byte[]? content, int mode)) in _files)
        {
            AddFolders(cpio, folders, Path.GetDirectoryName(name)!);
            cpio.AddFile(name, content ?? File.ReadAllBytes(hostPath!), mode);
        }

        cpio.Finish();
    }

    private static void AddFolders(CpioWriter cpio, HashSet<string> known, string folder)
    {
        if (folder.Length <= 1 || !known.Add(folder))
        {
            return;
        }

        AddFolders(cpio, known, Path.GetDirectoryName(folder)!);
        cpio.AddDirectory(folder);
    }
}
