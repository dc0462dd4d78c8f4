using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Native;

namespace Sos.Cores.Enabled;

/// <summary>A file of the folder: the service, or what is wrong with the file.</summary>
/// <param name="Name">The service's name.</param>
/// <param name="Service">The service; null when its file cannot be read.</param>
/// <param name="Error">Why not; null when it can.</param>
public sealed record EnabledEntry(string Name, EnabledService? Service, SosException? Error);

/// <summary>The services that sosd starts after each boot: a folder with a TOML file for each.</summary>
/// <param name="folder">The folder.</param>
public sealed class EnabledServices(string folder)
{
    /// <summary>Where the files are, unless <see cref="FolderVariable"/> says otherwise.</summary>
    public const string DefaultFolder = "/etc/sos/services";

    /// <summary>The environment variable that names another folder, for trying files out.</summary>
    public const string FolderVariable = "SOS_SERVICES";

    private const string Suffix = ".toml";

    /// <summary>Uses the machine's folder.</summary>
    public EnabledServices()
        : this(Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named ? named : DefaultFolder)
    {
    }

    /// <summary>Returns the path of a service's file, whether it is there or not.</summary>
    /// <exception cref="SosException">The name is none.</exception>
    public string PathOf(string name) => EnabledService.IsName(name)
        ? Path.Combine(folder, name + Suffix)
        : throw new SosException(SosError.Usage, $"\"{name}\" cannot name a service: use letters, digits, '.', '_' and '-', at most 64");

    /// <summary>Lists the services in the order in which they are started; those whose files cannot be read come last.</summary>
    public IReadOnlyList<EnabledEntry> List()
    {
        string[] paths = Directory.Exists(folder) ? Directory.GetFiles(folder, "*" + Suffix) : [];
        return [.. paths.Select(Path.GetFileNameWithoutExtension).OfType<string>().Where(EnabledService.IsName).Select(TryRead)
            .OrderBy(entry => entry.Service?.Order ?? int.MaxValue).ThenBy(entry => entry.Name, StringComparer.Ordinal)];
    }

    /// <summary>Finds a service, whether its file can be read or not.</summary>
    /// <exception cref="SosException">It is not there.</exception>
    public EnabledEntry Find(string name) => File.Exists(PathOf(name)) ? TryRead(name) : throw NotEnabled(name);

    /// <summary>Reads a service.</summary>
    /// <exception cref="SosException">It is not there, or its file is wrong; the message names the line.</exception>
    public EnabledService Read(string name)
    {
        string path = PathOf(name);
        return File.Exists(path)
            ? EnabledServiceReader.Read(name, path, File.ReadAllText(path))
            : throw NotEnabled(name);
    }

    /// <summary>Writes a service's file, at once or not at all.</summary>
    /// <returns>The file's path.</returns>
    /// <exception cref="SosException">Something of it could not be read again; the message says what a file takes.</exception>
    public string Write(EnabledService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        string path = PathOf(service.Name);
        string text = EnabledServiceWriter.Write(service);
        _ = EnabledServiceReader.Read(service.Name, path, text);
        Directory.CreateDirectory(folder);
        WholeFile.Write(path, text);
        return path;
    }

    /// <summary>Removes a service's file.</summary>
    /// <returns>The path that it had.</returns>
    /// <exception cref="SosException">It is not there.</exception>
    public string Delete(string name)
    {
        string path = PathOf(name);
        if (!File.Exists(path))
        {
            throw NotEnabled(name);
        }

        File.Delete(path);
        return path;
    }

    private static SosException NotEnabled(string name)
        => new(SosError.NotFound, $"no service is enabled as {name}: 'sosctl service list' shows those that are");

    private EnabledEntry TryRead(string name)
    {
        try
        {
            return new EnabledEntry(name, Read(name), null);
        }
        catch (SosException e)
        {
            return new EnabledEntry(name, null, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new EnabledEntry(name, null, new SosException(SosError.Failed, e.Message, e));
        }
    }
}
