using System;
using System.IO;

namespace Limiter.Tests;

/// <summary>A file of limits for one test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    public TemporaryFile(string text) => File.WriteAllText(Path, text);

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"limits-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(Path);
}
