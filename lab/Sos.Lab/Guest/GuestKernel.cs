using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;

namespace Sos.Lab.Guest;

/// <summary>A stock kernel in the cache, as <c>eng/kernel.sh</c> unpacks it.</summary>
public sealed class GuestKernel
{
    private static readonly TimeSpan DownloadLimit = TimeSpan.FromMinutes(10);
    private readonly string _folder;
    private readonly Dictionary<string, string> _paths = [];
    private readonly Dictionary<string, string[]> _needs = [];

    private GuestKernel(string series, string folder)
    {
        Series = series;
        _folder = folder;
        Release = File.ReadAllText(Path.Combine(folder, "release")).Trim();
        foreach (string line in File.ReadLines(Path.Combine(ModuleFolder, "modules.dep")))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string name = ModuleName(line[..colon]);
            _paths[name] = line[..colon];
            _needs[name] = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(ModuleName).ToArray();
        }
    }

    /// <summary>The series, "6.1", "6.12", "newest" or "debug".</summary>
    public string Series { get; }

    /// <summary>The release, as <c>uname -r</c> prints it.</summary>
    public string Release { get; }

    /// <summary>The kernel's boot image.</summary>
    public string BootImage => Path.Combine(_folder, "vmlinuz");

    private string ModuleFolder => Path.Combine(_folder, "root", "lib", "modules", Release);

    /// <summary>Finds a kernel in the cache; downloads it if it is not there.</summary>
    /// <param name="series">"6.1", "6.12", "newest" or "debug".</param>
    /// <exception cref="LabException">No such series, or the download failed.</exception>
    public static async Task<GuestKernel> GetAsync(string series)
    {
        CommandResult result = await HostProcess.RunAsync(
            [Path.Combine(LabPaths.Repository, "eng", "kernel.sh"), series], DownloadLimit);
        return new GuestKernel(series, result.EnsureSuccess().Text);
    }

    /// <summary>Modules and all that they need, in an order in which they load.</summary>
    /// <param name="names">Names, with "-" or "_"; a trailing "*" matches any end; those that are built in are left out.</param>
    /// <returns>For each its path below the modules' folder, without ".xz", and a file with its uncompressed content.</returns>
    internal async Task<IReadOnlyList<(string Path, string File)>> ResolveModulesAsync(IEnumerable<string> names)
    {
        List<string> order = [];
        foreach (string wanted in names)
        {
            string name = wanted.Replace('-', '_');
            IEnumerable<string> matches = name.EndsWith('*')
                ? _paths.Keys.Where(key => key.StartsWith(name[..^1], StringComparison.Ordinal)).Order(StringComparer.Ordinal)
                : _paths.Keys.Where(key => key == name);
            foreach (string match in matches)
            {
                Visit(match, order);
            }
        }

        await DecompressAsync(order.Where(IsCompressed).ToList());
        return order.Select(name => (PlainPath(name), FileOf(name))).ToList();
    }

    /// <summary>The lists that modprobe reads, cut down to some modules.</summary>
    /// <param name="paths">Paths as <see cref="ResolveModulesAsync"/> returned them.</param>
    /// <returns>Name and content of each list.</returns>
    internal IEnumerable<(string Name, string Content)> ModuleLists(IReadOnlyList<string> paths)
    {
        HashSet<string> names = paths.Select(ModuleName).ToHashSet();
        string dependencies = string.Concat(names.Where(_paths.ContainsKey).Select(
            name => $"{PlainPath(name)}: {string.Join(' ', Ancestors(name).Select(PlainPath))}\n"));
        yield return ("modules.dep", dependencies);
        foreach (string list in (string[])["modules.alias", "modules.softdep", "modules.symbols"])
        {
            string file = Path.Combine(ModuleFolder, list);
            IEnumerable<string> lines = File.Exists(file) ? File.ReadLines(file) : [];
            yield return (list, string.Concat(lines.Where(line => MentionsOnly(line, names)).Select(line => line + "\n")));
        }

        foreach (string list in (string[])["modules.builtin", "modules.order"])
        {
            yield return (list, File.ReadAllText(Path.Combine(ModuleFolder, list)));
        }
    }

    // "alias PATTERN MODULE", "softdep MODULE ..."
    private static bool MentionsOnly(string line, HashSet<string> names)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length >= 3 && names.Contains(ModuleKey(words[0] == "alias" ? words[^1] : words[1]));
    }

    private static string ModuleKey(string name) => name.Replace('-', '_');

    private static string ModuleName(string path)
    {
        string file = Path.GetFileName(path);
        return ModuleKey(file[..file.IndexOf(".ko", StringComparison.Ordinal)]);
    }

    private bool IsCompressed(string name) => _paths[name].EndsWith(".xz", StringComparison.Ordinal);

    private string PlainPath(string name) => IsCompressed(name) ? _paths[name][..^".xz".Length] : _paths[name];

    private string FileOf(string name) => IsCompressed(name)
        ? Path.Combine(_folder, "plain", name + ".ko")
        : Path.Combine(ModuleFolder, _paths[name]);

    private List<string> Ancestors(string name)
    {
        // modules.dep lists all of them, the nearest first, as modprobe expects.
        return _needs[name].Where(_paths.ContainsKey).ToList();
    }

    private void Visit(string name, List<string> order)
    {
        if (order.Contains(name))
        {
            return;
        }

        foreach (string need in _needs[name].Reverse())
        {
            Visit(need, order);
        }

        order.Add(name);
    }

    private async Task DecompressAsync(IReadOnlyList<string> names)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "plain"));
        foreach (string name in names.Where(name => !File.Exists(FileOf(name))))
        {
            // Under a name of its own first: two labs may do this at the same time.
            string partial = $"{FileOf(name)}.{Guid.NewGuid():N}";
            const string Script = "xz -dc \"$1\" > \"$2\" && mv \"$2\" \"$3\"";
            string[] command = ["sh", "-c", Script, "sh", Path.Combine(ModuleFolder, _paths[name]), partial, FileOf(name)];
            (await HostProcess.RunAsync(command, TimeSpan.FromMinutes(1))).EnsureSuccess();
        }
    }
}
